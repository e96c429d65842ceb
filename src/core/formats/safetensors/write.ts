import { Checksum } from "../../bytes/checksums/checksum";
import type { FileWriter } from "../../bytes/fileSink";
import { dtypeBits } from "../../tensors/dtype";
import { elementCount } from "../../tensors/tensor";

/** A tensor that will be written. Its shape may still shrink; see `SafetensorsWriter.add`. */
export interface PlannedTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

interface PlacedTensor extends PlannedTensor {
  readonly begin: number;
  readonly end: number;
}

export interface WrittenTensor extends PlacedTensor {
  /** Of its bytes. */
  readonly sum: string;
}

const lengthFieldBytes = 8;

/**
 * Writes a safetensors file piece by piece: data first, behind room for the largest header that the plan allows,
 * and the header last, padded with spaces as the format permits. So neither the tensors nor their final shapes
 * have to be known at once.
 */
export class SafetensorsWriter {
  readonly written: WrittenTensor[] = [];
  private readonly planned: ReadonlyMap<string, PlannedTensor>;
  private readonly headerBytes: number;
  private position = 0;

  constructor(
    private readonly file: FileWriter,
    plan: readonly PlannedTensor[],
    private readonly metadata: ReadonlyMap<string, string>,
  ) {
    this.planned = new Map(plan.map((tensor) => [tensor.name, tensor]));
    if (this.planned.size !== plan.length) throw new Error("Two tensors of one name cannot be written.");
    let begin = 0;
    const largest = plan.map((tensor) => {
      const end = begin + byteSizeOf(tensor);
      const entry = { ...tensor, begin, end };
      begin = end;
      return entry;
    });
    this.headerBytes = padded(encodeHeader(largest, metadata).length);
  }

  /** Bytes of the finished file. */
  get byteLength(): number {
    return lengthFieldBytes + this.headerBytes + this.position;
  }

  /**
   * Writes a planned tensor, in any order. No size of its shape may exceed the planned one.
   * @param content the tensor's bytes, whole or in consecutive pieces, each of which stays as it is until the one after the
   * next is asked for.
   */
  async add(
    name: string,
    shape: readonly number[],
    content: Uint8Array | AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const plan = this.planned.get(name);
    if (plan === undefined || this.written.some((tensor) => tensor.name === name)) {
      throw new Error(`${name} is not planned, or was written already.`);
    }
    const begin = this.position;
    const sum = new Checksum();
    if (content instanceof Uint8Array) await this.append(content, sum);
    else await this.appendAll(content, sum);
    const tensor = { name, dtype: plan.dtype, shape, begin, end: this.position, sum: sum.value };
    if (tensor.end - begin !== byteSizeOf(tensor)) {
      throw new Error(`${name} should have ${byteSizeOf(tensor)} bytes, not ${tensor.end - begin}.`);
    }
    this.written.push(tensor);
  }

  /** Writes the header. The file is still to be closed. */
  async finish(): Promise<void> {
    const missing = this.planned.size - this.written.length;
    if (missing > 0) throw new Error(`${missing} of the planned tensors were not written.`);
    const header = encodeHeader(this.written, this.metadata);
    if (header.length > this.headerBytes) throw new Error("A tensor is larger than it was planned.");
    const head = new Uint8Array(lengthFieldBytes + this.headerBytes).fill(0x20);
    new DataView(head.buffer).setBigUint64(0, BigInt(this.headerBytes), true);
    head.set(header, lengthFieldBytes);
    await this.file.writeAt(0, head);
  }

  /** Each piece is written while the next is made. */
  private async appendAll(pieces: AsyncIterable<Uint8Array>, sum: Checksum): Promise<void> {
    let writing = Promise.resolve();
    try {
      for await (const piece of pieces) {
        await writing;
        writing = this.append(piece, sum);
        // It is asked for with the next piece, or below.
        writing.catch(() => {});
      }
    } finally {
      // Nobody may close the file meanwhile.
      await writing;
    }
  }

  private async append(bytes: Uint8Array, sum: Checksum): Promise<void> {
    sum.add(bytes);
    const { position } = this;
    this.position += bytes.length;
    await this.file.writeAt(lengthFieldBytes + this.headerBytes + position, bytes);
  }
}

/** The data begin at a multiple of 8, which readers that map files want. */
function padded(length: number): number {
  return Math.ceil(length / 8) * 8;
}

function byteSizeOf({ dtype, shape }: PlannedTensor): number {
  const bits = dtypeBits.get(dtype);
  if (bits === undefined) throw new Error(`A tensor of dtype ${dtype} cannot be written.`);
  return Math.ceil((elementCount(shape) * bits) / 8);
}

/** Text by text, because names such as `__proto__` and `10` must stay keys, in this order. */
function encodeHeader(tensors: readonly PlacedTensor[], metadata: ReadonlyMap<string, string>): Uint8Array {
  const texts = [...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const members = tensors.map(({ name, dtype, shape, begin, end }) => {
    const entry = { dtype, shape, data_offsets: [begin, end] };
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
  if (texts.length > 0) members.unshift(`"__metadata__":{${texts.join(",")}}`);
  return new TextEncoder().encode(`{${members.join(",")}}`);
}
