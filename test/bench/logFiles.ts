import { appendFileSync, closeSync, openSync, writeSync } from "node:fs";
import { maskedCrc32c } from "../../src/core/bytes/checksums/crc32";

/** What the Trainer logs at a step. */
const tags = ["train/loss", "train/grad_norm", "train/learning_rate", "train/epoch"] as const;

/** Records are made in pieces of so many, so that a large file needs little memory. */
const batchRecords = 50_000;

class EventWriter {
  private readonly bytes = new Uint8Array(batchRecords * 80);
  private readonly view = new DataView(this.bytes.buffer);
  private length = 0;

  /** One scalar of one step: 50 to 60 bytes of payload, as the Trainer writes them. */
  add(step: number, tag: string, value: number): void {
    const { bytes, view } = this;
    const start = this.length + 12;
    let at = start;
    bytes[at++] = 0x09;
    view.setFloat64(at, 1_700_000_000 + step / 4, true);
    at += 8;
    bytes[at++] = 0x10;
    for (let rest = step; ; rest >>>= 7) {
      bytes[at++] = rest < 0x80 ? rest : (rest & 0x7f) | 0x80;
      if (rest < 0x80) break;
    }
    bytes[at++] = 0x2a;
    bytes[at++] = tag.length + 9;
    bytes[at++] = 0x0a;
    bytes[at++] = tag.length + 7;
    bytes[at++] = 0x0a;
    bytes[at++] = tag.length;
    for (let index = 0; index < tag.length; index++) bytes[at++] = tag.charCodeAt(index);
    bytes[at++] = 0x15;
    view.setFloat32(at, value, true);
    at += 4;
    this.frame(start, at);
  }

  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.length);
    this.length = 0;
    return taken;
  }

  get isFull(): boolean {
    return this.length > this.bytes.length - 200;
  }

  private frame(start: number, end: number): void {
    const { bytes, view } = this;
    view.setBigUint64(start - 12, BigInt(end - start), true);
    view.setUint32(start - 4, maskedCrc32c(bytes, start - 12, start - 4), true);
    view.setUint32(end, maskedCrc32c(bytes, start, end), true);
    this.length = end + 4;
  }
}

/** An event file of the Trainer with four scalars a step; gives its size. */
export function writeEventFile(path: string, steps: number): number {
  const writer = new EventWriter();
  const file = openSync(path, "w");
  let size = 0;
  const flush = () => {
    size += writeSync(file, writer.take());
  };
  for (let step = 1; step <= steps; step++) {
    for (const [index, tag] of tags.entries()) writer.add(step, tag, Math.sin(step) + index);
    if (writer.isFull) flush();
  }
  flush();
  closeSync(file);
  return size;
}

/** Adds the steps from `first` on; gives the bytes that were added. */
export function appendEvents(path: string, first: number, steps: number): number {
  const writer = new EventWriter();
  for (let step = first; step < first + steps; step++) {
    for (const [index, tag] of tags.entries()) writer.add(step, tag, Math.sin(step) + index);
  }
  const bytes = writer.take();
  appendFileSync(path, bytes);
  return bytes.length;
}

/** Lines of text, in pieces. */
export function writeLines(
  path: string,
  header: string,
  lines: number,
  line: (index: number) => string,
): number {
  const file = openSync(path, "w");
  let size = writeSync(file, header);
  let batch: string[] = [];
  for (let index = 0; index < lines; index++) {
    batch.push(line(index));
    if (batch.length < batchRecords && index < lines - 1) continue;
    size += writeSync(file, `${batch.join("\n")}\n`);
    batch = [];
  }
  closeSync(file);
  return size;
}
