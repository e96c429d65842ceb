import { cayley } from "../linalg/cayley";
import { createMatrix, type Matrix, vectorNorm } from "../linalg/matrix";
import { multiply } from "../linalg/multiply";
import { sum } from "../lists/sum";
import type { RowChange } from "./rowChange";
import type { StoredValues, TransformInput } from "./transformInput";

/** Elimination costs the cube of a block's side: a second at this one. */
const largestBlock = 1024;

const tooLarge = `keeps blocks larger than ${largestBlock}, which are not made into rotations here`;

/**
 * W′ = W·Rᵀ, each block of R made of a skew-symmetric matrix (peft/tuners/oft/layer.py). PEFT 0.16 and newer keep the
 * upper triangle and sum a series; before, the whole matrix, Cayley's transform, and a factor for each output.
 */
export function oftChange({ part, settings, rows, columns, version }: TransformInput): RowChange | string {
  if (settings.get("coft") === true)
    return "projects its rotation before use (coft), which is not computed here";
  const triangles = part("R");
  if (triangles !== undefined) {
    const [count = 0, values = 0] = triangles.shape;
    const size = Math.round((1 + Math.sqrt(1 + 8 * values)) / 2);
    const blocks = count === 1 ? columns / size : count;
    if (size > largestBlock) return tooLarge;
    if ((size * (size - 1)) / 2 !== values || blocks * size !== columns) return "";
    const terms = settings.get("num_cayley_neumann_terms") ?? 5;
    const isSeries = settings.get("use_cayley_neumann") !== false && typeof terms === "number";
    const rotations = Array.from({ length: count }, (_, block) => {
      const skew = skewOfTriangle(triangles.values.subarray(block * values, (block + 1) * values), size);
      return isSeries ? neumann(skew, Number(terms), isBefore18(version)) : cayley(skew);
    });
    return rotateBlocks(rotations, size, columns);
  }
  const blocks = part("r");
  const factors = part("s");
  if (blocks === undefined || factors === undefined || blocks.shape.length !== 3)
    return "is of an older layout, or of another program than PEFT";
  const [count = 0, size = 0] = blocks.shape;
  if (size > largestBlock) return tooLarge;
  if ((count === 1 ? columns / size : count) * size !== columns || factors.values.length !== rows) return "";
  return scaled(rotateBlocks(cayleyBlocks(blocks, count, size), size, columns), factors.values, columns);
}

/** W′ = diag(s)·W·(M_{N−1}…M₀)ᵀ with M_i = P_i·D_i·P_iᵀ (peft/tuners/boft/layer.py). */
export function boftChange({ part, rows, columns }: TransformInput): RowChange | string {
  const blocks = part("R");
  const factors = part("s");
  const [stages = 0, count = 0, size = 0] = blocks?.shape ?? [];
  if (blocks === undefined || factors === undefined || blocks.shape.length !== 4) return "";
  if (size > largestBlock) return tooLarge;
  if (count * size !== columns || factors.values.length !== rows) return "";
  const all = cayleyBlocks(blocks, stages * count, size);
  const turns = Array.from({ length: stages }, (_, stage) => ({
    order: stages === 1 ? undefined : butterflyOrder(columns, Math.floor(count / 2 ** stage), size / 2),
    rotate: rotateBlocks(all.slice(stage * count, (stage + 1) * count), size, columns),
  }));
  const moved = new Float64Array(columns);
  const apply = (values: Float64Array) => {
    for (const { order, rotate } of turns) {
      if (order === undefined) {
        rotate.apply(values, 0);
        continue;
      }
      for (let from = 0; from < values.length; from += columns) {
        for (let at = 0; at < columns; at++) moved[order[at] as number] = values[from + at] as number;
        rotate.apply(moved, 0);
        for (let at = 0; at < columns; at++) values[from + at] = moved[order[at] as number] as number;
      }
    }
  };
  return scaled({ rowsAtOnce: 1, apply }, factors.values, columns);
}

/** W′ = W·H₁·…·H_r, each a reflection; or W·(I − 2·Q·Qᵀ) of the orthonormalised vectors (peft/tuners/hra/layer.py). */
export function hraChange({ part, settings, columns }: TransformInput): RowChange | string {
  const u = part("u");
  const [inputs, rank = 0] = u?.shape ?? [];
  if (u === undefined || inputs !== columns) return "";
  const vectors = Array.from({ length: rank }, (_, k) =>
    Float64Array.from({ length: columns }, (_, at) => u.values[at * rank + k] as number),
  );
  // Reflections by orthonormal vectors do not disturb each other: their product is I − 2·Q·Qᵀ.
  if (settings.get("apply_GS") === true) orthogonalise(vectors);
  const units = vectors.map(unit);
  return {
    rowsAtOnce: 1,
    apply: (values) => {
      for (let from = 0; from < values.length; from += columns) {
        const row = values.subarray(from, from + columns);
        for (const vector of units) add(row, vector, -2 * dot(row, vector));
      }
    },
  };
}

function orthogonalise(vectors: Float64Array[]): void {
  for (const [at, vector] of vectors.entries()) {
    for (const before of vectors.slice(0, at)) add(vector, before, -dot(before, vector));
    vectors[at] = unit(vector);
  }
}

const dot = (x: Float64Array, y: Float64Array) => sum(x.map((value, at) => value * (y[at] as number)));

function add(to: Float64Array, vector: Float64Array, factor: number): void {
  for (let at = 0; at < to.length; at++) to[at] = (to[at] as number) + factor * (vector[at] as number);
}

function unit(vector: Float64Array): Float64Array {
  const norm = vectorNorm(vector, 0, vector.length);
  return vector.map((value) => value / norm);
}

function scaled({ rowsAtOnce, apply }: RowChange, factors: Float64Array, columns: number): RowChange {
  return {
    rowsAtOnce,
    apply: (values, first) => {
      apply(values, first);
      for (let at = 0; at < values.length; at++)
        values[at] = (values[at] as number) * (factors[first + Math.floor(at / columns)] as number);
    },
  };
}

/** Each block of a row w becomes R·w; one rotation serves all blocks where there is only one. */
function rotateBlocks(rotations: readonly Matrix[], size: number, columns: number): RowChange {
  const apply = (values: Float64Array) => {
    const own = new Float64Array(size);
    for (let from = 0; from < values.length; from += size) {
      const { data } = rotations[((from % columns) / size) % rotations.length] as Matrix;
      own.set(values.subarray(from, from + size));
      for (let row = 0; row < size; row++) {
        let total = 0;
        for (let at = 0; at < size; at++) total += (data[row * size + at] as number) * (own[at] as number);
        values[from + row] = total;
      }
    }
  };
  return { rowsAtOnce: 1, apply };
}

function skewOfTriangle(values: Float64Array, size: number): Matrix {
  const skew = createMatrix(size, size);
  let at = 0;
  for (let row = 0; row < size; row++) {
    for (let column = row + 1; column < size; column++, at++) {
      skew.data[row * size + column] = values[at] as number;
      skew.data[column * size + row] = -(values[at] as number);
    }
  }
  return skew;
}

/** Of each square block X, Cayley's transform of (X − Xᵀ)/2. */
function cayleyBlocks({ values }: StoredValues, count: number, size: number): readonly Matrix[] {
  return Array.from({ length: count }, (_, block) => {
    const skew = createMatrix(size, size);
    const from = block * size * size;
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++)
        skew.data[row * size + column] =
          ((values[from + row * size + column] as number) - (values[from + column * size + row] as number)) /
          2;
    }
    return cayley(skew);
  });
}

/** PEFT before 0.18 did not write its version, and doubled the last term of the series too. */
function isBefore18(version: string | undefined): boolean {
  const [major = 0, minor = 0] = (version ?? "0.0").split(".").map(Number);
  return major === 0 && minor < 18;
}

/** I + 2S + 2S² + … of `terms` terms, whose last counts once where PEFT is new. */
function neumann(skew: Matrix, terms: number, isOld: boolean): Matrix {
  const result = createMatrix(skew.rows, skew.rows);
  for (let at = 0; at < skew.rows; at++) result.data[at * skew.rows + at] = 1;
  if (terms < 2) return result;
  add(result.data, skew.data, 2);
  if (terms < 3) return result;
  let power = multiply(skew, skew);
  add(result.data, power.data, 2);
  // Of three terms the newer PEFT adds a fourth.
  const last = isOld ? terms - 1 : Math.max(terms - 1, 3);
  for (let exponent = 3; exponent <= last; exponent++) {
    power = multiply(power, skew);
    add(result.data, power.data, exponent === last && !isOld ? 1 : 2);
  }
  return result;
}

/** Where the inputs go before a stage of the butterfly: its even steps of `step` inputs in front of its odd ones. */
function butterflyOrder(columns: number, count: number, step: number): readonly number[] {
  const width = Math.floor(columns / count);
  const steps = Array.from({ length: width / step }, (_, at) => at);
  const sorted = [...steps.filter((at) => at % 2 === 0), ...steps.filter((at) => at % 2 === 1)];
  return Array.from({ length: columns }, (_, at) => {
    const within = at % width;
    return at - within + (sorted[Math.floor(within / step)] as number) * step + (within % step);
  });
}
