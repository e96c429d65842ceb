/**
 * What a file holds beside tensors, as inert data: nothing of it was called. What is one object in the file is one
 * object here, so that sharing shows and cycles are possible. Only the reader of a format writes to these.
 *
 * An int is a number (a bigint beyond 2^53); a float is a `FloatValue`, because 1 and 1.0 differ in Python.
 */
export type ContentValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | FloatValue
  | BytesValue
  | LongTextValue
  | ListValue
  | TupleValue
  | MapValue
  | SetValue
  | ForeignValue;

export class FloatValue {
  readonly kind = "float";
  constructor(readonly value: number) {}
}

/** bytes or bytearray. Long ones stay in the file: then `bytes` is undefined and the place says where they are. */
export class BytesValue {
  readonly kind = "bytes";
  constructor(
    readonly bytes: Uint8Array | undefined,
    readonly length: number,
    /** First byte in the stream that holds it. */
    readonly offset: number,
    readonly mutable: boolean,
  ) {}
}

/** A string that is too long to keep; its UTF-8 bytes stay in the file. */
export class LongTextValue {
  readonly kind = "text";
  constructor(
    readonly length: number,
    /** First byte in the stream that holds it. */
    readonly offset: number,
  ) {}
}

export class ListValue {
  readonly kind = "list";
  constructor(readonly items: ContentValue[]) {}
}

export class TupleValue {
  readonly kind = "tuple";
  constructor(readonly items: readonly ContentValue[]) {}
}

export class SetValue {
  readonly kind = "set";
  constructor(
    readonly items: ContentValue[],
    readonly frozen: boolean,
  ) {}
}

/** Dicts up to here are searched from the start; larger ones get an index when they grow. */
const unindexedEntries = 8;

/** Keys may be anything; equal ones are told apart from others as far as they are plain values. */
export class MapValue {
  readonly kind = "map";
  readonly keys: ContentValue[] = [];
  readonly values: ContentValue[] = [];
  private index: Map<ContentValue, number> | undefined;

  get size(): number {
    return this.keys.length;
  }

  get(key: ContentValue): ContentValue | undefined {
    const at = this.find(key);
    return at < 0 ? undefined : this.values[at];
  }

  has(key: ContentValue): boolean {
    return this.find(key) >= 0;
  }

  /** As in Python, a key that is there keeps its place and takes the new value. */
  set(key: ContentValue, value: ContentValue): void {
    const at = this.find(key);
    if (at >= 0) {
      this.values[at] = value;
      return;
    }
    this.keys.push(key);
    this.values.push(value);
    if (this.index !== undefined) this.index.set(key, this.keys.length - 1);
    else if (this.keys.length > unindexedEntries) {
      this.index = new Map(this.keys.map((known, place) => [known, place]));
    }
  }

  *entries(): IterableIterator<readonly [key: ContentValue, value: ContentValue]> {
    for (let at = 0; at < this.keys.length; at++) {
      yield [this.keys[at] as ContentValue, this.values[at] as ContentValue];
    }
  }

  private find(key: ContentValue): number {
    return this.index === undefined ? this.keys.indexOf(key) : (this.index.get(key) ?? -1);
  }
}

/** The values inside a value, in order, each under the label by which a path names it. */
export interface ContentChildren {
  readonly count: number;
  label(at: number): string;
  value(at: number): ContentValue;
}

/** An object of a class that one format alone knows, by what everybody may ask of it. */
export abstract class ForeignValue {
  /** The name of its class, or of what would make it, with the module; empty where it has none. */
  abstract readonly qualifiedName: string;

  /** What it would be made from. */
  get madeFrom(): readonly ContentValue[] {
    return [];
  }

  /** Its items by key, where it is like a dict. */
  get mapping(): MapValue | undefined {
    return undefined;
  }

  /** Its items, where it is like a list. */
  get sequence(): readonly ContentValue[] | undefined {
    return undefined;
  }

  /** What was set on it by name. */
  get attributes(): MapValue | undefined {
    return undefined;
  }

  /** All that a tree shows below it. */
  get children(): ContentChildren | undefined {
    return undefined;
  }

  /** The value in one line, as Python would write it. */
  abstract text(nesting: number): string;
}
