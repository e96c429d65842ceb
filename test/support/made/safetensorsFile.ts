import { type ByteSource, checkRange } from "../../../src/core/bytes/byteSource";

/**
 * Builds safetensors files for tests, after the format's own description (`u64 length | JSON | data`) and with no
 * code of ours, so that a mistake in the reader is not made here too.
 */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Size in bytes; found from dtype and shape where it is not given. */
  readonly bytes?: number;
}

export interface FileSpec {
  readonly tensors?: readonly TensorSpec[];
  readonly metadata?: Readonly<Record<string, unknown>> | null | undefined;
  /** The header's text, or its bytes, in place of the one made from `tensors` and `metadata`. */
  readonly header?: string | Uint8Array;
  /** The length that the file claims for its header. */
  readonly claimedLength?: bigint;
  /** Pads the header with spaces to this multiple, as writers do. */
  readonly align?: number;
  /** The data; by default as many bytes as the tensors have, counting up. */
  readonly data?: Uint8Array;
}

/** Bits of the 22 dtypes (formats.md §1). */
export const bitsOf: Readonly<Record<string, number>> = {
  ...{ BOOL: 8, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8 },
  ...{ I16: 16, U16: 16, F16: 16, BF16: 16 },
  ...{ I32: 32, U32: 32, F32: 32 },
  ...{ I64: 64, U64: 64, F64: 64, C64: 64 },
  ...{ F4: 4, F6_E2M3: 6, F6_E3M2: 6 },
};

export function byteSizeOf({ dtype, shape, bytes }: TensorSpec): number {
  return bytes ?? (shape.reduce((product, size) => product * size, 1) * (bitsOf[dtype] ?? 8)) / 8;
}

/** The header's text. Written by hand: `__proto__` and `10` must stay keys, in the order given. */
export function headerText({ tensors = [], metadata }: FileSpec): string {
  const members = metadata === undefined ? [] : [`"__metadata__":${JSON.stringify(metadata)}`];
  let begin = 0;
  for (const tensor of tensors) {
    const end = begin + byteSizeOf(tensor);
    const { name, dtype, shape } = tensor;
    members.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
    begin = end;
  }
  return `{${members.join(",")}}`;
}

/** The file up to its data. */
export function fileHead(spec: FileSpec): Uint8Array {
  const { header = headerText(spec), align = 1, claimedLength } = spec;
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const length = Math.ceil(text.length / align) * align;
  const head = new Uint8Array(8 + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, claimedLength ?? BigInt(length), true);
  head.set(text, 8);
  return head;
}

export function dataSizeOf({ tensors = [] }: FileSpec): number {
  return tensors.reduce((sum, tensor) => sum + byteSizeOf(tensor), 0);
}

export function safetensorsFile(spec: FileSpec): Uint8Array {
  const head = fileHead(spec);
  const data = spec.data ?? Uint8Array.from({ length: dataSizeOf(spec) }, (_, index) => index & 0x7f);
  const file = new Uint8Array(head.length + data.length);
  file.set(head);
  file.set(data, head.length);
  return file;
}

/** Of the data, a test's source gives no more than this: what a reader asks for must be the header. */
const maxDataBytes = 64 * 1024;

/** A file whose data take no memory: they read as zeros, but only where a read of the header spills into them. */
export function sparseFile(spec: FileSpec, dataSize = dataSizeOf(spec)): ByteSource {
  const head = fileHead(spec);
  const source = {
    size: head.length + dataSize,
    async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
      signal?.throwIfAborted();
      checkRange(source, offset, length);
      if (offset + length > head.length + maxDataBytes) {
        throw new Error(`The test forbids reading the data: bytes ${offset} to ${offset + length}`);
      }
      const bytes = new Uint8Array(length);
      bytes.set(head.subarray(offset, offset + length));
      return bytes;
    },
  };
  return source;
}
