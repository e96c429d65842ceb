import { maxShownNameLength } from "../problem/limits";
import { commonPrefixLength } from "../text/commonPrefix";
import { unreadablePart } from "./assembly";
import { type NameSeparator, separatorOf } from "./nameOrder";
import { elementCount, type Tensor } from "./tensor";

/** What many tensors of a model have in common; a model with 89,088 tensors has about ten of these. */
export interface TensorSignature {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly byteSize: number;
  /** Of the model that it stands for, where these are not its elements: codes of packed weights, and their scales. */
  readonly parameters?: number;
}

/**
 * A run of rows of the tensor table, packed so that a model's whole directory crosses to a webview in a few
 * messages well under 1 MB: names share a prefix with the name before, dtype and shape are a reference.
 */
export interface TensorChunk {
  /** Index of the first row. */
  readonly first: number;
  /** Rows of the whole table. */
  readonly total: number;
  /** By which all rows are ordered. The names of one chunk do not tell, and the tree goes wrong with another. */
  readonly separator: NameSeparator;
  readonly signatures: readonly TensorSignature[];
  /** Per row: index into `signatures`. */
  readonly signatureOf: Uint32Array;
  /** Per row: how many UTF-16 units the name shares with the name of the row before (0 at the first). */
  readonly prefixLengths: Uint16Array;
  readonly suffixLengths: Uint16Array;
  readonly suffixes: string;
  /** Per row: first byte in its file. */
  readonly offsets: Float64Array;
  /** Per row: index into the checkpoint's files. */
  readonly fileIndexes: Uint16Array;
  /** Rows of this chunk, counted from its first, whose tensors cannot be read whole; absent where all can. */
  readonly unreadable?: Uint32Array;
}

/** Rows of one chunk at most: about 250 KB. */
export const chunkRows = 8192;

/** Characters of names and signatures at which a chunk ends early, so that hostile ones stay below 1 MB too. */
const maxChunkCharacters = 400_000;

/**
 * Packs the rows from `first` on, as many as fit. The next chunk begins at `first + offsets.length`.
 * @param counts of each tensor, the parameters that it stands for.
 */
export function encodeTensorChunk(
  tensors: readonly Tensor[],
  first: number,
  counts?: Float64Array,
): TensorChunk {
  const signatures = new SignatureIndex();
  const signatureOf: number[] = [];
  const suffixes: string[] = [];
  const prefixLengths: number[] = [];
  let previous = "";
  let nameCharacters = 0;
  let end = first;
  const last = Math.min(tensors.length, first + chunkRows);
  for (; end < last && nameCharacters + signatures.characters < maxChunkCharacters; end++) {
    const tensor = tensors[end] as Tensor;
    const name = tensor.name.slice(0, maxShownNameLength);
    const shared = commonPrefixLength(previous, name);
    const suffix = name.slice(shared);
    prefixLengths.push(shared);
    suffixes.push(suffix);
    signatureOf.push(signatures.indexOf(withParameters(tensor, counts?.[end])));
    nameCharacters += suffix.length;
    previous = name;
  }
  const rows = tensors.slice(first, end);
  return {
    first,
    total: tensors.length,
    separator: knownSeparator(tensors),
    signatureOf: Uint32Array.from(signatureOf),
    signatures: signatures.list,
    prefixLengths: Uint16Array.from(prefixLengths),
    suffixLengths: Uint16Array.from(suffixes, (suffix) => suffix.length),
    suffixes: suffixes.join(""),
    offsets: Float64Array.from(rows, (tensor) => tensor.offset),
    fileIndexes: Uint16Array.from(rows, (tensor) => tensor.fileIndex),
    ...unreadableRows(rows),
  };
}

function unreadableRows(rows: readonly Tensor[]): Pick<TensorChunk, "unreadable"> {
  const lacking = rows.flatMap((tensor, row) => (unreadablePart(tensor) === undefined ? [] : [row]));
  return lacking.length === 0 ? {} : { unreadable: Uint32Array.from(lacking) };
}

/** A list is packed chunk by chunk, and has one separator. */
const separators = new WeakMap<readonly Tensor[], NameSeparator>();

function knownSeparator(tensors: readonly Tensor[]): NameSeparator {
  const known = separators.get(tensors);
  if (known !== undefined) return known;
  const separator = separatorOf(tensors.map(({ name }) => name));
  separators.set(tensors, separator);
  return separator;
}

function withParameters({ dtype, shape, byteSize }: Tensor, parameters: number | undefined): TensorSignature {
  const isElements = parameters === undefined || parameters === countedElements(shape);
  return isElements ? { dtype, shape, byteSize } : { dtype, shape, byteSize, parameters };
}

class SignatureIndex {
  readonly list: TensorSignature[] = [];
  /** Of all signatures in the list, as JSON or nearly so. */
  characters = 0;
  private readonly indexes = new Map<string, number>();

  indexOf(signature: TensorSignature): number {
    const { dtype, shape, byteSize, parameters } = signature;
    const key = `${dtype}|${shape.join(",")}|${byteSize}|${parameters ?? ""}`;
    const known = this.indexes.get(key);
    if (known !== undefined) return known;
    const index = this.list.push(signature) - 1;
    this.indexes.set(key, index);
    this.characters += key.length + signatureFrame;
    return index;
  }
}

/** `{"dtype":"","shape":[],"byteSize":}` around a signature's values. */
const signatureFrame = 36;

interface CountedSignature extends TensorSignature {
  readonly elements: number;
  readonly parameters: number;
}

/** The tensor directory of a checkpoint as a webview holds it: columns that grow chunk by chunk, in name order. */
export class TensorTable {
  private readonly names: string[] = [];
  private readonly signatures: CountedSignature[] = [];
  private readonly signatureIndexes: number[] = [];
  private readonly offsets: number[] = [];
  private readonly fileIndexes: number[] = [];
  private readonly unreadable = new Set<number>();
  /** Rows that the whole table will have. */
  total = 0;
  /** Of the names' module paths: what a TensorTree of these rows needs. */
  separator: NameSeparator = ".";

  get length(): number {
    return this.names.length;
  }

  append(chunk: TensorChunk): void {
    if (chunk.first !== this.length)
      throw new RangeError(`Expected rows from ${this.length}, got ${chunk.first}`);
    const signatureBase = this.signatures.length;
    for (const signature of chunk.signatures) {
      const elements = countedElements(signature.shape);
      this.signatures.push({ ...signature, elements, parameters: signature.parameters ?? elements });
    }
    let name = "";
    let at = 0;
    for (let row = 0; row < chunk.offsets.length; row++) {
      const suffixLength = chunk.suffixLengths[row] ?? 0;
      name = name.slice(0, chunk.prefixLengths[row]) + chunk.suffixes.slice(at, at + suffixLength);
      at += suffixLength;
      this.names.push(name);
      this.signatureIndexes.push(signatureBase + (chunk.signatureOf[row] ?? 0));
      this.offsets.push(chunk.offsets[row] ?? 0);
      this.fileIndexes.push(chunk.fileIndexes[row] ?? 0);
    }
    for (const row of chunk.unreadable ?? []) this.unreadable.add(chunk.first + row);
    this.total = chunk.total;
    this.separator = chunk.separator;
  }

  name(row: number): string {
    return at(this.names, row);
  }

  dtype(row: number): string {
    return this.signature(row).dtype;
  }

  shape(row: number): readonly number[] {
    return this.signature(row).shape;
  }

  byteSize(row: number): number {
    return this.signature(row).byteSize;
  }

  /** Of what is stored. */
  elements(row: number): number {
    return this.signature(row).elements;
  }

  /** Of the model, that the tensor stands for. */
  parameters(row: number): number {
    return this.signature(row).parameters;
  }

  offset(row: number): number {
    return at(this.offsets, row);
  }

  fileIndex(row: number): number {
    return at(this.fileIndexes, row);
  }

  /** Some tensors stand for other parameters than their elements. */
  get hasPacked(): boolean {
    return this.signatures.some(({ parameters, elements }) => parameters !== elements);
  }

  /** Not all of the tensor's bytes are there. */
  isUnreadable(row: number): boolean {
    return this.unreadable.has(row);
  }

  private signature(row: number): CountedSignature {
    return at(this.signatures, at(this.signatureIndexes, row));
  }
}

/** A shape beyond 2^53 is reported as a problem and counts nothing, so that it does not swallow the other counts. */
function countedElements(shape: readonly number[]): number {
  const count = elementCount(shape);
  return Number.isSafeInteger(count) ? count : 0;
}

function at<T>(column: readonly T[], row: number): T {
  const value = column[row];
  if (value === undefined) throw new RangeError(`No row ${row}`);
  return value;
}
