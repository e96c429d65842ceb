/** 64-bit integers as they lie in a file. */
export interface LongIntegers {
  readonly bytes: Uint8Array;
  readonly sign: "signed" | "unsigned";
}

/**
 * b - a of 64-bit integers, little-endian. Exact up to 2^53, and rounded once beyond: doubles of the integers
 * themselves would take neighbours beyond 2^53 for equal.
 */
export function integerDifferences(a: LongIntegers, b: LongIntegers): Float64Array {
  const [x, y] = [viewOf(a), viewOf(b)];
  const differences = new Float64Array(Math.min(x.byteLength, y.byteLength) / 8);
  for (let at = 0; at < differences.length; at++) {
    const high = highHalf(y, at, b.sign) - highHalf(x, at, a.sign);
    const low = y.getUint32(8 * at, true) - x.getUint32(8 * at, true);
    differences[at] = high * 2 ** 32 + low;
  }
  return differences;
}

function viewOf({ bytes }: LongIntegers): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function highHalf(view: DataView, at: number, sign: LongIntegers["sign"]): number {
  return sign === "signed" ? view.getInt32(8 * at + 4, true) : view.getUint32(8 * at + 4, true);
}
