export interface GgufParts {
  /** Numbers are written as unsigned 32 bits, texts as texts, and lists as lists of texts. */
  readonly keys: Readonly<Record<string, number | string | readonly string[]>>;
  /** Of F32, with one axis where no shape is given. */
  readonly tensors: readonly {
    readonly name: string;
    readonly values: readonly number[];
    readonly shape?: readonly number[];
  }[];
}

const alignment = 32;

/** A GGUF file of version 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). */
export function ggufFile({ keys, tensors }: GgufParts): Uint8Array {
  const u32 = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
  const u64 = (value: number) => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
  const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
  const pairs = Object.entries(keys).flatMap(([key, value]) => {
    if (typeof value === "number") return [text(key), u32(4), u32(value)];
    if (typeof value === "string") return [text(key), u32(8), text(value)];
    return [text(key), u32(9), u32(8), u64(value.length), ...value.map(text)];
  });
  let offset = 0;
  const infos: Uint8Array[] = [];
  const data: Uint8Array[] = [];
  for (const { name, values, shape = [values.length] } of tensors) {
    // The fastest axis stands first.
    infos.push(text(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(0), u64(offset));
    const bytes = new Uint8Array(Float32Array.from(values).buffer);
    const padded = new Uint8Array(Math.ceil(bytes.length / alignment) * alignment);
    padded.set(bytes);
    data.push(padded);
    offset += padded.length;
  }
  const counts = [u64(tensors.length), u64(Object.keys(keys).length)];
  const header = Buffer.concat([Buffer.from("GGUF"), u32(3), ...counts, ...pairs, ...infos]);
  const padding = new Uint8Array((alignment - (header.length % alignment)) % alignment);
  return new Uint8Array(Buffer.concat([header, padding, ...data]));
}
