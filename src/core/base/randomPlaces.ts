import { jsonNumber, jsonString } from "../json/parseJson";
import { createMatrix } from "../linalg/matrix";
import { maxPermuted, startOfPermutation } from "../linalg/mersenneTwister";
import { multiply } from "../linalg/multiply";
import { sum } from "../lists/sum";
import type { KnownChange, RowChange } from "./rowChange";
import type { TransformInput } from "./transformInput";

/** PEFT's default of FourierFTConfig.random_loc_seed and of its scaling. */
const defaultSeed = 777;
const defaultScaling = 150;

/**
 * The real part of the inverse transform of a spectrum of some coefficients, whose places are the first numbers of a
 * permutation that torch draws from a seed (peft/tuners/fourierft/layer.py). Of frequencies p and −p the cosines
 * are one, so that ‖ΔW‖² = f²·N/2·(Σc_p² + Σc_p·c_−p) with the norm f of the transform and N = out·in.
 */
export function fourierChange(input: TransformInput): KnownChange | string {
  const { part, settings, rows, columns, isConvolution } = input;
  if (isConvolution) return "fills a convolution, which is not computed here";
  const spectrum = part("spectrum")?.values;
  const count = rows * columns;
  if (spectrum === undefined || spectrum.length > count) return "";
  if (count >= maxPermuted) return "fills a weight too large for its places to be drawn again here";
  const seed = jsonNumber(settings.get("random_loc_seed")) ?? defaultSeed;
  const scaling = jsonNumber(settings.get("scaling")) ?? defaultScaling;
  const norm = jsonString(settings.get("ifft2_norm")) ?? "backward";
  const factors: Readonly<Record<string, number>> = {
    backward: 1 / count,
    ortho: 1 / Math.sqrt(count),
    forward: 1,
  };
  const factor = factors[norm];
  if (factor === undefined) return `has an ifft2_norm that is not known (${norm})`;
  const values = new Map(
    startOfPermutation(seed, count, spectrum.length).map((place, at) => [place, spectrum[at] as number]),
  );
  let square = 0;
  for (const [place, value] of values) {
    const [row, column] = [Math.floor(place / columns), place % columns];
    const opposite = ((rows - row) % rows) * columns + ((columns - column) % columns);
    square += value * (value + (values.get(opposite) ?? 0));
  }
  return { norm: scaling * factor * Math.sqrt((count / 2) * square) };
}

/** Single entries, none of them twice: wherever they are, their norm is that of the change (peft/tuners/shira/layer.py). */
export function shiraChange({ part, settings, rows, columns }: TransformInput): KnownChange | string {
  const entries = part("weight")?.values;
  const rank = jsonNumber(settings.get("r"));
  if (entries === undefined || entries.length > rows * columns) return "";
  if (rank !== undefined && entries.length !== rank * (rows + columns)) return "";
  return { norm: Math.sqrt(sum(entries.map((value) => value * value))) };
}

/** Multiplications for one weight: some seconds. */
const maxProducts = 2 ** 32;

/**
 * ΔW = alpha/r · B·A of two random matrices that all modules share, cut to the sides of the weight, where λ [r, n] and
 * γ [n, smaller side] scale A (peft/tuners/randlora/layer.py). A is laid out by r and then n, B by n and then r.
 */
export function randLoraChange({ part, settings, rows, columns }: TransformInput): RowChange | string {
  const [lambda, gamma, a, b] = [part("lambda"), part("gamma"), part("A"), part("B")];
  if (lambda === undefined || gamma === undefined) return "";
  if (a === undefined || b === undefined)
    return "keeps its random matrices out of the file (save_projection), without which nothing can be computed";
  const [rank = 0, bases = 0] = lambda.shape;
  const [smaller, larger] = [Math.min(rows, columns), Math.max(rows, columns)];
  const [, basesOfA = 0, sideOfA = 0] = a.shape;
  const [sideOfB = 0, basesOfB = 0, rankOfB = 0] = b.shape;
  if (gamma.shape.join() !== `${bases},${smaller}` || a.shape[0] !== rank || rankOfB !== rank) return "";
  if (sideOfA < smaller || sideOfB < larger || basesOfB < bases) return "";
  const inner = rank * bases;
  if (inner * rows * columns > maxProducts)
    return "takes more arithmetic for a weight of this size than is done here";
  const scale = (jsonNumber(settings.get("randlora_alpha")) ?? 0) / rank;
  const right = createMatrix(inner, smaller);
  for (let k = 0; k < rank; k++) {
    for (let base = 0; base < bases; base++) {
      const from = (k * basesOfA + (basesOfA === 1 ? 0 : base)) * sideOfA;
      const factor = scale * (lambda.values[k * bases + base] as number);
      for (let at = 0; at < smaller; at++)
        right.data[(k * bases + base) * smaller + at] =
          factor * (a.values[from + at] as number) * (gamma.values[base * smaller + at] as number);
    }
  }
  const left = createMatrix(larger, inner);
  for (let row = 0; row < larger; row++) {
    const from = row * basesOfB * rank;
    left.data.set(b.values.subarray(from, from + inner), row * inner);
  }
  // [larger, smaller]: the weight, or its transpose where it has fewer rows than columns.
  const { data } = multiply(left, right);
  const isTurned = rows < columns;
  const apply = (values: Float64Array, first: number) => {
    for (let at = 0; at < values.length; at++) {
      const [row, column] = [first + Math.floor(at / columns), at % columns];
      const change = data[isTurned ? column * smaller + row : row * smaller + column] as number;
      values[at] = (values[at] as number) + change;
    }
  };
  return { rowsAtOnce: 1, apply };
}
