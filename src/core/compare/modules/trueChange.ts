import { baseChangedBy, isToldByStart, recipeOfFolder } from "../../adapter/modifiedBase";
import { baseName } from "../../bytes/paths";
import { createMatrix, type Matrix } from "../../linalg/matrix";
import type { Factors } from "../../update/factors";
import { UpdateAnalysis } from "../../update/updateAnalysis";
import type { UpdateMetrics } from "../../update/updateMetrics";
import type { Snapshot } from "../openSnapshots";

/**
 * The snapshot from which others were trained, where a recipe (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) moved part of
 * the base into the factors: ΔW of the others is then s·(B_t·A_t - B_0·A_0) against the public base.
 * @returns its index, or undefined where no such recipe is named or no snapshot looks like the start.
 */
export function findInitialSnapshot(snapshots: readonly Snapshot[]): number | undefined {
  const named = snapshots.some(
    ({ path, session }) => isRelativeToStart(session) || recipeOfFolder(baseName(path)) !== undefined,
  );
  if (!named) return undefined;
  const found = snapshots.findIndex(isInitial);
  return found < 0 ? undefined : found;
}

function isRelativeToStart(session: Snapshot["session"]): boolean {
  const recipe = baseChangedBy(session?.adapterConfig, session?.adapter?.modules);
  return recipe !== undefined && isToldByStart(recipe);
}

function isInitial({ path, session }: Snapshot): boolean {
  if (session?.adapter === undefined) return false;
  const name = baseName(path);
  return (
    session.folder.trainerState?.globalStep === 0 ||
    recipeOfFolder(name) !== undefined ||
    /(?:^|[-_ ])init(?:ial)?(?:$|[-_ ])|^checkpoint-0$/i.test(name) ||
    session.stage?.stage === "svd"
  );
}

/** ΔW₂ - ΔW₁ as factors: B = [s₂·B₂, -s₁·B₁], A = [A₂; A₁]. Their analysis loses no digits to cancellation. */
export function differenceFactors(first: Factors, second: Factors): Factors {
  return {
    a: stackedRows(second.a, first.a),
    b: stackedColumns(second.b, second.scale, first.b, -first.scale),
    scale: 1,
    alpha: undefined,
    get finite() {
      return first.finite && second.finite;
    },
  };
}

/** The change from a start; undefined where shapes differ. */
export function changeFrom(
  start: UpdateAnalysis | undefined,
  trained: UpdateAnalysis | undefined,
): UpdateMetrics | undefined {
  if (start === undefined || trained === undefined) return undefined;
  if (start.rows !== trained.rows || start.cols !== trained.cols) return undefined;
  return new UpdateAnalysis(differenceFactors(start.factors, trained.factors)).metrics;
}

function stackedRows(x: Matrix, y: Matrix): Matrix {
  const result = createMatrix(x.rows + y.rows, x.cols);
  result.data.set(x.data);
  result.data.set(y.data, x.data.length);
  return result;
}

function stackedColumns(x: Matrix, factorX: number, y: Matrix, factorY: number): Matrix {
  const cols = x.cols + y.cols;
  const result = createMatrix(x.rows, cols);
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) {
      result.data[i * cols + j] = factorX * (x.data[i * x.cols + j] as number);
    }
    for (let j = 0; j < y.cols; j++) {
      result.data[i * cols + x.cols + j] = factorY * (y.data[i * y.cols + j] as number);
    }
  }
  return result;
}
