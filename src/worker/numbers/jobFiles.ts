import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { UnexpectedEndError } from "../../core/bytes/byteSource";
import { messageOf } from "../../core/problem/messageOf";
import type { ReadTensorRange } from "../../core/tensors/readTensorRange";
import { checkIsFile, readFlags } from "../nodeFiles";

/** Open at once: a tensor may be joined from thousands of files, and a process may not open as many. */
const maxOpen = 64;

/** The files of a job, each opened when it is first read. */
export class JobFiles {
  /** The file that was not read for the longest time comes first. */
  private readonly open = new Map<number, number>();

  constructor(private readonly paths: readonly string[]) {}

  /** Of a tensor whose bytes lie plainly in the file of its index. */
  readonly readRange: ReadTensorRange = async ({ fileIndex, offset: start }, offset, length) => {
    const target = new Uint8Array(length);
    const failure = this.read(fileIndex, start + offset, target, length);
    if (failure !== undefined) throw new RangeError(failure);
    return target;
  };

  /**
   * Fills `target` from `at` on. Says why it failed. A read may give fewer bytes than asked for, above all on network
   * file systems.
   */
  read(file: number, offset: number, target: Uint8Array, length: number, at = 0): string | undefined {
    let done = 0;
    try {
      const descriptor = this.descriptor(file);
      while (done < length) {
        const count = readSync(descriptor, target, at + done, length - done, offset + done);
        if (count === 0) return new UnexpectedEndError(offset + done).message;
        done += count;
      }
    } catch (error) {
      return messageOf(error);
    }
    return undefined;
  }

  close(): void {
    for (const descriptor of this.open.values()) closeSync(descriptor);
    this.open.clear();
  }

  private descriptor(file: number): number {
    const known = this.open.get(file);
    if (known !== undefined) {
      this.open.delete(file);
      this.open.set(file, known);
      return known;
    }
    const [oldest] = this.open;
    if (oldest !== undefined && this.open.size >= maxOpen) {
      closeSync(oldest[1]);
      this.open.delete(oldest[0]);
    }
    const descriptor = openFile(this.paths[file] ?? "");
    this.open.set(file, descriptor);
    return descriptor;
  }
}

function openFile(path: string): number {
  const descriptor = openSync(path, readFlags);
  try {
    checkIsFile(fstatSync(descriptor));
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}
