import { isWritableDtype, roundValues } from "../../tensors/encode";
import { unitRoundoff } from "../../update/dtypeRounding";

/**
 * How well W + c · U explains the weights that were found, summed over pieces. U is the change that the adapter makes
 * when it is merged whole, c the share of it that is held against them.
 */
export interface MergeFit {
  /** Σ over all values: (M − W)·U, U², (M − W)². */
  product: number;
  updateSquares: number;
  foundSquares: number;
  /** Σ(R − W)·U for R = W + c·U rounded to the dtype that was found: less than c·ΣU² where rounding swallows. */
  roundedProduct: number;
  /** Σ(M − W − c·U)². */
  missSquares: number;
  /** Σ of the variance of rounding times U², for the uncertainty of c. */
  noiseSquares: number;
  /** Values farther from W + c·U than any rounding explains, and not finite ones. */
  outside: number;
  /** Values that are others than those of W rounded, and than those of R. */
  changed: number;
  unlike: number;
}

export function noFit(): MergeFit {
  return {
    product: 0,
    updateSquares: 0,
    foundSquares: 0,
    roundedProduct: 0,
    missSquares: 0,
    noiseSquares: 0,
    outside: 0,
    changed: 0,
    unlike: 0,
  };
}

export interface FitPiece {
  /** W, M and U, value by value. */
  readonly base: Float64Array;
  readonly found: Float64Array;
  readonly update: Float64Array;
  /** Dtypes of the weights that were found, and the coarsest that the update may have been computed in. */
  readonly foundDtype: string;
  readonly updateDtype: string;
  /** What a product of the factors is multiplied by, after it was rounded perhaps. */
  readonly scale: number;
}

/** Half of the distance between neighbouring values, by the exponent of a double. */
const halfUlps = new Map<string, Float64Array>();

/** Bits behind the point, and the smallest exponent of normal numbers. */
const singleMantissa = [23, -126] as const;
const mantissas: Readonly<Record<string, readonly [bits: number, lowest: number]>> = {
  F64: [52, -1022],
  BF16: [7, -126],
  F16: [10, -14],
};

function halfUlpsOf(dtype: string): Float64Array {
  const known = halfUlps.get(dtype);
  if (known !== undefined) return known;
  const [bits, lowest] = mantissas[dtype] ?? singleMantissa;
  const table = Float64Array.from({ length: 2048 }, (_, at) => 2 ** (Math.max(at - 1023, lowest) - bits - 1));
  halfUlps.set(dtype, table);
  return table;
}

/** What else a computation in `F32` may differ by, in parts of a typical change of the piece. */
const singleSlack = 2 ** -18;
/** Of the update: of the product, of its scaling, of its terms where they were summed in 16 bits. */
const updateRoundings = 6;

/** Values that go through all steps together: few enough for the processor's nearest memory. */
const chunkValues = 2048;

/** Adds a piece of one weight to the fit of `share`. */
export function addToFit(fit: MergeFit, piece: FitPiece, share: number): void {
  const { base, found, update, foundDtype, updateDtype, scale } = piece;
  let squares = 0;
  for (let at = 0; at < update.length; at++) squares += (update[at] as number) * (update[at] as number);
  const typical = Math.sqrt(squares / Math.max(1, update.length));
  // One rounding of the sum, some of the update in its own dtype, where its terms may be larger than itself.
  const roundings = unitRoundoff(foundDtype) > 2 ** -12 ? 1.001 : 3;
  const relative = updateRoundings * unitRoundoff(updateDtype) * Math.abs(share);
  const smallest = (halfUlpsOf(updateDtype)[0] as number) * Math.max(1, Math.abs(scale));
  const slack = relative * typical + singleSlack * Math.abs(share) * typical + updateRoundings * smallest;
  const tolerance = { roundings, relative, slack };
  const memory = new Float64Array(3 * chunkValues);
  for (let start = 0; start < base.length; start += chunkValues) {
    const end = Math.min(base.length, start + chunkValues);
    const part = (values: Float64Array) => values.subarray(start, end);
    const chunk = { base: part(base), found: part(found), update: part(update), foundDtype };
    addChunk(fit, chunk, share, tolerance, memory);
  }
}

interface Tolerance {
  readonly roundings: number;
  readonly relative: number;
  readonly slack: number;
}

function addChunk(
  fit: MergeFit,
  { base, found, update, foundDtype }: Pick<FitPiece, "base" | "found" | "update" | "foundDtype">,
  share: number,
  { roundings, relative, slack }: Tolerance,
  memory: Float64Array,
): void {
  const count = base.length;
  const halves = halfUlpsOf(foundDtype);
  const exact = memory.subarray(0, count);
  for (let at = 0; at < count; at++) exact[at] = (base[at] as number) + share * (update[at] as number);
  const rounded = roundedTo(exact, foundDtype, memory.subarray(chunkValues, chunkValues + count));
  const before = roundedTo(base, foundDtype, memory.subarray(2 * chunkValues, 2 * chunkValues + count));
  const bits = new Uint32Array(exact.buffer, exact.byteOffset, 2 * count);
  const bitsOfFound = new Uint32Array(found.buffer, found.byteOffset, 2 * count);
  // Of their own, as numbers of an object are made anew whenever they change.
  let { product, updateSquares, foundSquares, roundedProduct, missSquares, noiseSquares } = fit;
  let { outside, changed, unlike } = fit;
  for (let at = 0; at < count; at++) {
    // One by one: a list that is taken apart takes longer than all the rest.
    const w = base[at] as number;
    const m = found[at] as number;
    const u = update[at] as number;
    const change = m - w;
    const miss = m - (exact[at] as number);
    const exponent = Math.max(
      ((bits[2 * at + 1] as number) >>> 20) & 2047,
      ((bitsOfFound[2 * at + 1] as number) >>> 20) & 2047,
    );
    const half = halves[exponent] as number;
    if (m !== rounded[at]) unlike++;
    if (m !== before[at]) changed++;
    if (!(Math.abs(miss) <= roundings * half + relative * Math.abs(u) + slack)) outside++;
    if (!Number.isFinite(miss)) continue;
    product += change * u;
    updateSquares += u * u;
    foundSquares += change * change;
    roundedProduct += ((rounded[at] as number) - w) * u;
    missSquares += miss * miss;
    noiseSquares += ((half * half) / 3) * u * u;
  }
  Object.assign(fit, { product, updateSquares, foundSquares, roundedProduct, missSquares, noiseSquares });
  Object.assign(fit, { outside, changed, unlike });
}

function roundedTo(values: Float64Array, dtype: string, memory: Float64Array): Float64Array {
  if (!isWritableDtype(dtype)) return values;
  roundValues(values, dtype, memory);
  return memory;
}

/** The share of the update that explains what was found best, if rounding were none. */
export function plainShare({ product, updateSquares }: MergeFit): number {
  return product / updateSquares;
}

/** The standard error of that share, because weights were rounded. */
export function shareDoubt({ noiseSquares, updateSquares }: MergeFit): number {
  return Math.sqrt(noiseSquares) / updateSquares;
}
