import { addDifferenceSums, type DifferenceSums, noDifferenceSums } from "./differenceSums";
import type { NumberEncoding } from "./numberEncoding";
import {
  type ComparedType,
  countedBits,
  type LongType,
  type MixedTypes,
  type NumberKernels,
  widerTypes,
} from "./numberKernels";
import { differenceOfBytePairs, type PartialDifference } from "./tensorDifference";

/** A tensor's dtype and how its numbers are found. */
export interface ComparedEncoding {
  readonly dtype: string;
  readonly encoding: NumberEncoding;
}

/** Types of 32 bits and fewer that a kernel compares. */
const floats: ReadonlySet<string> = new Set(["F32", "BF16", "F16"]);

/** A complex number is compared as two. */
const components = new Map([
  ["C32", "F16"],
  ["C64", "F32"],
  ["C128", "F64"],
]);

/** What two tensors are compared in: F32 for the floats of up to 32 bits, F64 for all else. */
export function comparedIn(a: string, b: string): "F32" | "F64" {
  return floats.has(components.get(a) ?? a) && floats.has(components.get(b) ?? b) ? "F32" : "F64";
}

/** A complex and a real tensor have nothing to compare. */
export function areComparable(a: string, b: string): boolean {
  return components.has(a) === components.has(b);
}

/** Compares two tensors, or parts of them, that come chunk by chunk in the kernels' memory. */
export class TensorComparer {
  private readonly type: ComparedType;
  private readonly direct: readonly [boolean, boolean];
  private readonly longs: readonly [LongType, LongType] | undefined;
  private readonly mixed: MixedTypes | undefined;
  /** What the codes of 8 bits of both stand for: pairs of them are counted, and looked at in the end. */
  private readonly bytes: readonly [Float64Array, Float64Array] | undefined;
  private sums: DifferenceSums = noDifferenceSums;

  constructor(
    private readonly kernels: NumberKernels,
    private readonly a: ComparedEncoding,
    private readonly b: ComparedEncoding,
  ) {
    const [left, right] = [a, b].map(({ dtype }) => components.get(dtype) ?? dtype) as [string, string];
    this.longs = longsOf(a, b);
    this.mixed = mixedOf(a, b);
    this.type = ownType(a, b) ?? comparedIn(left, right);
    this.direct = [left === this.type, right === this.type];
    const [valuesA, valuesB] = [byteValues(a.encoding), byteValues(b.encoding)];
    if (valuesA !== undefined && valuesB !== undefined) this.bytes = [valuesA, valuesB];
  }

  /** Values of which both sides are whole bytes and blocks. */
  get unitValues(): number {
    return Math.max(8, ...[this.a, this.b].map(({ encoding }) => encoding.valuesPerUnit ?? 1));
  }

  /** Values, the parts of complex numbers counted one by one, that fit the kernels' memory; a multiple of every block. */
  get chunkValues(): number {
    if (this.bytes !== undefined) return this.kernels.chunk.length;
    const bytes = this.longs !== undefined || this.type === "F64" ? 8 : this.type === "F32" ? 4 : 2;
    const { unitValues } = this;
    return Math.floor(this.kernels.chunk.length / bytes / unitValues) * unitValues;
  }

  /** Values that are compared at once where rows of so many should stay whole: each is unpacked from codes. */
  stepOf(columns: number): number {
    const { chunkValues, unitValues } = this;
    const step = Math.floor(chunkValues / columns) * columns;
    return step > 0 && step % unitValues === 0 ? step : chunkValues;
  }

  /** Compares the values whose bytes lie at the start of the two chunks. The bytes may be gone afterwards. */
  add(values: number): void {
    const { kernels } = this;
    if (this.bytes !== undefined) {
      kernels.countBytePairs(values);
      return;
    }
    if (this.longs !== undefined) {
      this.sums = addDifferenceSums(this.sums, kernels.compareLongs(this.longs, values));
      return;
    }
    if (this.mixed !== undefined) {
      this.sums = addDifferenceSums(this.sums, kernels.compareMixed(this.mixed, values));
      return;
    }
    if (!this.direct[0]) this.decode("chunk", this.a, values);
    if (!this.direct[1]) this.decode("otherChunk", this.b, values);
    this.sums = addDifferenceSums(this.sums, kernels.compare(this.type, values));
  }

  take(): PartialDifference {
    const { sums, bytes } = this;
    if (bytes !== undefined) return differenceOfBytePairs(this.kernels.takeCounts(16), ...bytes);
    this.sums = noDifferenceSums;
    const codeBits = countedBits(this.type);
    return { sums, counts: this.kernels.takeCounts(codeBits), codeBits };
  }

  /** In place. Every platform that runs this is little-endian, as the kernels' memory is. */
  private decode(name: "chunk" | "otherChunk", { encoding }: ComparedEncoding, count: number): void {
    const { stored } = encoding;
    if (stored !== undefined && widerTypes[stored] === this.type) {
      this.kernels.widen(stored, name, count);
      return;
    }
    const chunk = this.kernels[name];
    const { buffer, byteOffset } = chunk;
    const target =
      this.type === "F64"
        ? new Float64Array(buffer, byteOffset, count)
        : new Float32Array(buffer, byteOffset, count);
    const { codes, codesPerByte = 1, method } = encoding;
    if (method === "bytes" && codes !== undefined && codesPerByte === 1) widen(chunk, codes.values, target);
    else if (method === "words" && codes !== undefined)
      widen(new Uint16Array(buffer, byteOffset, count), codes.values, target);
    else target.set(decodeValues(chunk, encoding, count));
  }
}

/** The type of both, where kernels compare its values as they are stored. */
function ownType(a: ComparedEncoding, b: ComparedEncoding): ComparedType | undefined {
  const [left, right] = [a, b].map(({ dtype }) => components.get(dtype) ?? dtype);
  if (left !== right) return undefined;
  if (left === "F64") return left;
  const { stored } = a.encoding;
  return stored !== undefined && stored === b.encoding.stored && isCompared(stored) ? stored : undefined;
}

function isCompared(type: string): type is ComparedType {
  return floats.has(type) || type === "I16" || type === "U16";
}

function longsOf(a: ComparedEncoding, b: ComparedEncoding): readonly [LongType, LongType] | undefined {
  const [left, right] = [a.encoding.stored, b.encoding.stored];
  return isLong(left) && isLong(right) ? [left, right] : undefined;
}

function mixedOf(a: ComparedEncoding, b: ComparedEncoding): MixedTypes | undefined {
  const [left, right] = [a.encoding.stored, b.encoding.stored];
  if (left === "F32" && isHalf(right)) return [left, right];
  return isHalf(left) && right === "F32" ? [left, right] : undefined;
}

function isHalf(type: string | undefined): type is "F16" | "BF16" {
  return type === "F16" || type === "BF16";
}

function isLong(type: string | undefined): type is LongType {
  return type === "I64" || type === "U64";
}

/** Undefined where the codes are not of 8 bits. */
function byteValues({ method, codes, codesPerByte = 1 }: NumberEncoding): Float64Array | undefined {
  return method === "bytes" && codesPerByte === 1 ? codes?.values : undefined;
}

/** From the last on: none is written over that is still to be read. */
function widen(
  codes: Uint8Array | Uint16Array,
  values: Float64Array,
  target: Float32Array | Float64Array,
): void {
  for (let at = target.length - 1; at >= 0; at--) target[at] = values[codes[at] as number] as number;
}

/** Bytes of so many values, the parts of complex numbers counted one by one. */
export function bytesOfValues(
  { unitBytes, codesPerByte = 1, valuesPerUnit = 1, method }: NumberEncoding,
  dtype: string,
  values: number,
): number {
  if (method === "six-bits") return Math.ceil((values * 6) / 8);
  const perUnit = valuesPerUnit * codesPerByte * (components.has(dtype) ? 2 : 1);
  return Math.ceil(values / perUnit) * unitBytes;
}

function decodeValues(bytes: Uint8Array, encoding: NumberEncoding, count: number): Float64Array {
  const { codes, codesPerByte = 1, method } = encoding;
  const values = new Float64Array(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (codes !== undefined) {
    const bits = method === "words" ? 16 : method === "six-bits" ? 6 : 8 / codesPerByte;
    for (let at = 0; at < count; at++) {
      const bit = at * bits;
      const byte = Math.floor(bit / 8);
      const pair = (bytes[byte] as number) | ((bytes[byte + 1] ?? 0) << 8);
      values[at] = codes.values[(pair >>> (bit % 8)) & (2 ** bits - 1)] as number;
    }
    return values;
  }
  if (encoding.decode !== undefined) {
    const units = count / (encoding.valuesPerUnit ?? 1);
    return encoding.decode(bytes.subarray(0, units * encoding.unitBytes), count);
  }
  const isDouble = method === "f64";
  for (let at = 0; at < count; at++) {
    values[at] = isDouble ? view.getFloat64(8 * at, true) : view.getFloat32(4 * at, true);
  }
  return values;
}
