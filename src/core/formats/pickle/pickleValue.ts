/**
 * What a pickle holds, as inert data: nothing of it was called. Objects of one identity in Python are one object
 * here, so that sharing shows and cycles are possible. Only the pickle machine writes to these.
 *
 * An int is a number (a bigint beyond 2^53); a float is a `PyFloat`, because 1 and 1.0 differ in Python.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PyFloat
  | PyBytes
  | PyLongText
  | PyList
  | PyTuple
  | PyDict
  | PySet
  | PyGlobal
  | PyObject
  | PyPersistentId;

export class PyFloat {
  readonly kind = "float";
  constructor(readonly value: number) {}
}

/** bytes or bytearray. Long ones stay in the file: then `bytes` is undefined and the place says where they are. */
export class PyBytes {
  readonly kind = "bytes";
  constructor(
    readonly bytes: Uint8Array | undefined,
    readonly length: number,
    /** First byte in the pickle's stream. */
    readonly offset: number,
    readonly mutable: boolean,
  ) {}
}

/** A string that is too long to keep; its UTF-8 bytes stay in the file. */
export class PyLongText {
  readonly kind = "text";
  constructor(
    readonly length: number,
    /** First byte in the pickle's stream. */
    readonly offset: number,
  ) {}
}

export class PyList {
  readonly kind = "list";
  constructor(readonly items: PickleValue[]) {}
}

export class PyTuple {
  readonly kind = "tuple";
  constructor(readonly items: readonly PickleValue[]) {}
}

export class PySet {
  readonly kind = "set";
  constructor(
    readonly items: PickleValue[],
    readonly frozen: boolean,
  ) {}
}

/** Dicts up to here are searched from the start; larger ones get an index when they grow. */
const unindexedEntries = 8;

/** Keys may be anything; equal ones are told apart from others as far as they are plain values. */
export class PyDict {
  readonly kind = "dict";
  readonly keys: PickleValue[] = [];
  readonly values: PickleValue[] = [];
  private index: Map<PickleValue, number> | undefined;

  get size(): number {
    return this.keys.length;
  }

  get(key: PickleValue): PickleValue | undefined {
    const at = this.find(key);
    return at < 0 ? undefined : this.values[at];
  }

  has(key: PickleValue): boolean {
    return this.find(key) >= 0;
  }

  /** As in Python, a key that is there keeps its place and takes the new value. */
  set(key: PickleValue, value: PickleValue): void {
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

  *entries(): IterableIterator<readonly [key: PickleValue, value: PickleValue]> {
    for (let at = 0; at < this.keys.length; at++) {
      yield [this.keys[at] as PickleValue, this.values[at] as PickleValue];
    }
  }

  private find(key: PickleValue): number {
    return this.index === undefined ? this.keys.indexOf(key) : (this.index.get(key) ?? -1);
  }
}

/** A class or function that the pickle names. It was not imported. */
export class PyGlobal {
  readonly kind = "global";
  /** Made once: it is asked of every object that is made by a call of this. */
  readonly qualifiedName: string;

  constructor(
    readonly module: string,
    readonly name: string,
  ) {
    this.qualifiedName = `${module}.${name}`;
  }
}

/** An object that Python would have made by a call: what would have been called, with what, and what was set on it. */
export class PyObject {
  readonly kind = "object";
  /** Attributes (`__dict__`), or whatever the class takes in `__setstate__`. */
  state: PickleValue | undefined;
  /** Appended to it: it is a list or a set of a class of its own. */
  items: PickleValue[] | undefined;
  /** Set on it by key: it is a mapping. */
  mapItems: PyDict | undefined;
  kwargs: PickleValue | undefined;
  private given: PickleValue;

  constructor(
    /** Usually a `PyGlobal`; where a pickle calls the result of a call, that object. */
    readonly callee: PickleValue,
    args: PickleValue,
    /** Made without a call of `__init__` (NEWOBJ), so `callee` is its class. */
    readonly isInstance: boolean,
  ) {
    this.given = args;
  }

  get args(): PickleValue {
    return this.given;
  }

  /** Lets go of arguments that were made into something that takes less memory. */
  releaseArgs(): void {
    this.given = noArgs;
  }

  get module(): string {
    return this.callee instanceof PyGlobal ? this.callee.module : "";
  }

  get name(): string {
    return this.callee instanceof PyGlobal ? this.callee.name : "";
  }

  get qualifiedName(): string {
    return this.callee instanceof PyGlobal ? this.callee.qualifiedName : "";
  }
}

const noArgs = new PyTuple([]);

/** A reference to something outside the pickle; torch refers to storages so. */
export class PyPersistentId {
  readonly kind = "persistent";
  constructor(readonly id: PickleValue) {}
}
