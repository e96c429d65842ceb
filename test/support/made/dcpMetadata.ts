/** What of `.metadata` a test wants to say, right or wrong. */
export interface MetadataText {
  readonly tensors: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly dtype?: string;
    readonly chunks: readonly {
      readonly offsets: readonly number[];
      readonly sizes: readonly number[];
      readonly file?: string;
      readonly offset?: number;
      readonly length?: number;
    }[];
  }[];
}

const metadataModule = "torch.distributed.checkpoint.metadata";

/**
 * Pickles a `Metadata` of torch.distributed.checkpoint in protocol 2, as its classes pickle themselves: made without a
 * call, and their attributes set from a dict.
 */
export function dcpMetadata({ tensors }: MetadataText): Uint8Array {
  const out = new PickleText();
  const entries = () =>
    out.dict(tensors, ({ name, shape, dtype = "float32", chunks }) => {
      out.text(name);
      out.object(metadataModule, "TensorStorageMetadata", () =>
        out.fields({
          properties: () =>
            out.object(metadataModule, "TensorProperties", () =>
              out.tuple([() => out.global("torch", dtype)]),
            ),
          size: () => out.numbers(shape),
          chunks: () =>
            out.list(chunks, ({ offsets, sizes }) =>
              out.object(metadataModule, "ChunkStorageMetadata", () =>
                out.fields({ offsets: () => out.numbers(offsets), sizes: () => out.numbers(sizes) }),
              ),
            ),
        }),
      );
    });
  const placed = tensors.flatMap(({ name, chunks }) => chunks.map((chunk) => ({ name, ...chunk })));
  const storage = () =>
    out.dict(placed, ({ name, offsets, file = "__0_0.distcp", offset = 0, length = 0 }) => {
      out.object(metadataModule, "MetadataIndex", () =>
        out.fields({ fqn: () => out.text(name), offset: () => out.numbers(offsets) }),
      );
      out.object("torch.distributed.checkpoint.filesystem", "_StorageInfo", () =>
        out.fields({
          relative_path: () => out.text(file),
          offset: () => out.number(offset),
          length: () => out.number(length),
        }),
      );
    });
  out.object(metadataModule, "Metadata", () =>
    out.fields({ state_dict_metadata: entries, storage_data: storage }),
  );
  return out.finish();
}

class PickleText {
  private bytes = new Uint8Array(1024);
  private length = 0;
  /** What was named before is fetched from the memo. */
  private readonly globals = new Map<string, number>();

  constructor() {
    this.put(0x80, 2);
  }

  finish(): Uint8Array {
    this.put(0x2e);
    return this.bytes.slice(0, this.length);
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.put(0x58, ...littleEndian(bytes.length, 4), ...bytes);
  }

  /** As Python writes it: in one byte, in two, in four, or as a `LONG1`, which takes any. */
  number(value: number): void {
    if (value >= 0 && value < 256) this.put(0x4b, value);
    else if (value >= 0 && value < 65_536) this.put(0x4d, ...littleEndian(value, 2));
    else if (value >= 0 && value < 2 ** 31) this.put(0x4a, ...littleEndian(value, 4));
    else this.put(0x8a, 8, ...littleEndian(value, 8));
  }

  numbers(values: readonly number[]): void {
    this.tuple(values.map((value) => () => this.number(value)));
  }

  tuple(items: readonly (() => void)[]): void {
    this.put(0x28);
    for (const item of items) item();
    this.put(0x74);
  }

  list<T>(items: readonly T[], write: (item: T) => void): void {
    this.put(0x5d, 0x28);
    for (const item of items) write(item);
    this.put(0x65);
  }

  dict<T>(items: readonly T[], write: (item: T) => void): void {
    this.put(0x7d, 0x28);
    for (const item of items) write(item);
    this.put(0x75);
  }

  fields(fields: Readonly<Record<string, () => void>>): void {
    this.dict(Object.entries(fields), ([name, write]) => {
      this.text(name);
      write();
    });
  }

  global(module: string, name: string): void {
    const text = `${module}\n${name}\n`;
    const known = this.globals.get(text);
    if (known !== undefined) {
      this.put(0x68, known);
      return;
    }
    this.put(0x63, ...new TextEncoder().encode(text), 0x71, this.globals.size);
    this.globals.set(text, this.globals.size);
  }

  object(module: string, name: string, state: () => void): void {
    this.global(module, name);
    this.put(0x29, 0x81);
    state();
    this.put(0x62);
  }

  private put(...bytes: readonly number[]): void {
    if (this.length + bytes.length > this.bytes.length) {
      const grown = new Uint8Array(2 * (this.length + bytes.length));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }
}

function littleEndian(value: number, width: number): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt(value); bytes.length < width; rest >>= 8n) bytes.push(Number(rest & 255n));
  return bytes;
}
