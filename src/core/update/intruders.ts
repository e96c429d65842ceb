import { DenseOperator } from "../linalg/denseOperator";
import { createMatrix, type Matrix, transpose } from "../linalg/matrix";
import { multiply, multiplyTransposed } from "../linalg/multiply";
import { normals } from "../linalg/normals";
import { type LinearOperator, randomizedSvd } from "../linalg/randomizedSvd";
import { svd } from "../linalg/svd";
import type { UpdateAnalysis } from "./updateAnalysis";

/**
 * Directions among the strongest of the changed weight W + ΔW that are like none of W's (Shuttleworth et al. 2024,
 * arXiv 2410.21228): fine-tuning with high learning rates or low ranks makes them, and they go with forgetting.
 */
export interface IntruderReport {
  /** A full decomposition of both was made. Otherwise only `no` is certain. */
  readonly exact: boolean;
  /** The strongest directions of W + ΔW, strongest first. */
  readonly directions: readonly IntruderDirection[];
  /** Directions of W that were compared with. */
  readonly compared: number;
}

export interface IntruderDirection {
  readonly singularValue: number;
  /** Largest |cosine| with a direction of W that was compared. */
  readonly cosine: number;
  /** No direction of W that was not compared can be closer than this; 0 where all were. */
  readonly bound: number;
  readonly verdict: "intruder" | "possible" | "no";
}

export interface IntruderOptions {
  /** PEFT's defaults: the 10 strongest, closer than 0.5 to none. */
  readonly topK?: number;
  readonly epsilon?: number;
  readonly pause?: () => Promise<void>;
  /** Throws where nobody waits for the answer any more. */
  readonly check?: (() => void) | undefined;
}

/** Up to this smaller side both matrices are decomposed whole: some seconds. */
const largestExactSide = 512;

/** Directions of W searched for where it is larger. */
const searchedDirections = 128;
const oversampling = 16;
const iterations = 3;

/** What was found, with the strongest directions of W + ΔW themselves. */
export interface FoundIntruders {
  readonly report: IntruderReport;
  /** A row each, as `report.directions`: of the outputs and of the inputs. */
  readonly left: Matrix;
  readonly right: Matrix;
}

/**
 * @param weight rows×cols in the orientation of ΔW, in single precision.
 * @param update of the same shape.
 */
export async function findIntruders(
  weight: { readonly rows: number; readonly cols: number; readonly data: Float32Array },
  update: UpdateAnalysis,
  { topK = 10, epsilon = 0.5, pause, check }: IntruderOptions = {},
): Promise<FoundIntruders> {
  const { rows, cols, data } = weight;
  if (Math.min(rows, cols) <= largestExactSide)
    return exactly(createMatrix(rows, cols, Float64Array.from(data)), update, { topK, epsilon, check });
  const normal = normals(20240607);
  const before = new DenseOperator(rows, cols, data, pause);
  const own = await randomizedSvd(before, { size: searchedDirections + oversampling, iterations, normal });
  const size = topK + oversampling;
  const after = await randomizedSvd(new ChangedOperator(before, update), { size, iterations, normal });
  const compared = Math.min(searchedDirections, own.left.rows);
  const left = firstRows(after.left, topK);
  const directions = describe(left, after.values, firstRows(own.left, compared), false, epsilon);
  return { report: { exact: false, directions, compared }, left, right: firstRows(after.right, topK) };
}

function exactly(
  weight: Matrix,
  update: UpdateAnalysis,
  { topK, epsilon, check }: Required<Pick<IntruderOptions, "topK" | "epsilon" | "check">>,
): FoundIntruders {
  const before = transpose(svd(weight, check).u);
  const { a, b, scale } = update.factors;
  const change = multiply(b, a);
  const changed = createMatrix(
    weight.rows,
    weight.cols,
    weight.data.map((value, at) => value + scale * (change.data[at] as number)),
  );
  const { u, s, v } = svd(changed, check);
  const left = firstRows(transpose(u), topK);
  const directions = describe(left, s, before, true, epsilon);
  const report = { exact: true, directions, compared: before.rows };
  return { report, left, right: firstRows(transpose(v), topK) };
}

/** @param strongest left vectors of W + ΔW as rows, and `known` those of W. */
function describe(
  strongest: Matrix,
  values: Float64Array,
  known: Matrix,
  exact: boolean,
  epsilon: number,
): IntruderDirection[] {
  const overlap = multiplyTransposed(strongest, known);
  return Array.from({ length: strongest.rows }, (_, k) => {
    const cosines = overlap.data.subarray(k * overlap.cols, (k + 1) * overlap.cols);
    const cosine = cosines.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    const covered = cosines.reduce((sum, value) => sum + value * value, 0);
    const bound = exact ? 0 : Math.sqrt(Math.max(1 - covered, 0));
    const verdict = cosine >= epsilon ? "no" : exact ? "intruder" : "possible";
    return { singularValue: values[k] ?? 0, cosine: Math.min(cosine, 1), bound, verdict };
  });
}

/** W + s·B·A. */
class ChangedOperator implements LinearOperator {
  readonly rows: number;
  readonly cols: number;

  constructor(
    private readonly weight: LinearOperator,
    private readonly update: UpdateAnalysis,
  ) {
    this.rows = weight.rows;
    this.cols = weight.cols;
  }

  async apply(vectors: Matrix): Promise<Matrix> {
    const { a, b, scale } = this.update.factors;
    const result = await this.weight.apply(vectors);
    addScaled(result, multiplyTransposed(multiplyTransposed(vectors, a), b), scale);
    return result;
  }

  async applyTransposed(vectors: Matrix): Promise<Matrix> {
    const { a, b, scale } = this.update.factors;
    const result = await this.weight.applyTransposed(vectors);
    addScaled(result, multiply(multiply(vectors, b), a), scale);
    return result;
  }
}

function addScaled(target: Matrix, addend: Matrix, factor: number): void {
  for (let at = 0; at < target.data.length; at++) {
    target.data[at] = (target.data[at] as number) + factor * (addend.data[at] as number);
  }
}

function firstRows(matrix: Matrix, rows: number): Matrix {
  const count = Math.min(rows, matrix.rows);
  return createMatrix(count, matrix.cols, matrix.data.subarray(0, count * matrix.cols));
}
