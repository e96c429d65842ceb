import type { Matrix } from "../../linalg/matrix";
import { factorHistogram, histogramLimit } from "../../update/factorHistogram";
import { factorNorms } from "../../update/factorNorms";
import type { UpdateAnalysis } from "../../update/updateAnalysis";
import { principalAngles, type Side, subspace } from "../../update/updateOverlap";
import type {
  AngleList,
  CompareModuleDetail,
  FactorDetail,
  ModulePairDetail,
  SimilarityMap,
} from "../compareView";
import { compareUpdates, subspaceMap, type UpdateComparison } from "./compareUpdates";
import { changeFrom } from "./trueChange";

/** Larger maps have cells below a pixel. */
const maxMapSize = 64;

/**
 * Everything about one module in all snapshots.
 * @param analyses one per snapshot; undefined where it does not adapt the module or cannot be measured.
 * @param initial index of the snapshot that the others were trained from, where a recipe changed the base.
 */
export function describeModule(
  module: string,
  analyses: readonly (UpdateAnalysis | undefined)[],
  initial: number | undefined,
): CompareModuleDetail {
  const limitA = histogramLimit(analyses.flatMap((analysis) => analysis?.factors.a.data ?? []));
  const limitB = histogramLimit(analyses.flatMap((analysis) => analysis?.factors.b.data ?? []));
  const factors = analyses.map((analysis): FactorDetail | null => {
    if (analysis === undefined) return null;
    return {
      norms: factorNorms(analysis),
      histogramA: factorHistogram(analysis.factors.a.data, limitA),
      histogramB: factorHistogram(analysis.factors.b.data, limitB),
    };
  });
  const start = initial === undefined ? undefined : analyses[initial];
  return {
    module,
    singularValues: analyses.map((analysis) => analysis?.metrics.singularValues ?? null),
    energy: analyses.map((analysis) => analysis?.metrics.energy ?? null),
    factors,
    pairs: pairsOf(analyses),
    trueChange: analyses.map((analysis, index) => {
      if (index === initial) return null;
      return changeFrom(start, analysis)?.singularValues ?? null;
    }),
  };
}

/** The first against each other, and neighbours. */
function pairsOf(analyses: readonly (UpdateAnalysis | undefined)[]): readonly ModulePairDetail[] {
  const pairs: ModulePairDetail[] = [];
  for (let b = 1; b < analyses.length; b++) {
    for (const a of new Set([0, b - 1])) {
      const first = analyses[a];
      const second = analyses[b];
      if (first === undefined || second === undefined) continue;
      pairs.push(describePair(a, b, first, second));
    }
  }
  return pairs;
}

/** Two updates of a module; `a` and `b` are the columns that they stand in. */
export function describePair(
  a: number,
  b: number,
  first: UpdateAnalysis,
  second: UpdateAnalysis,
): ModulePairDetail {
  return { a, b, ...plain(compareUpdates(first, second)), ...spaces(first, second) };
}

function plain({ cosine, relativeChange, energyKept, newShare, sameness, reason }: UpdateComparison) {
  return { cosine, relativeChange, energyKept, newShare, sameness, reason };
}

function spaces(first: UpdateAnalysis, second: UpdateAnalysis) {
  const map = (side: Side) => similarityMap(subspaceMap(first, second, side));
  const isComparable = first.rows === second.rows && first.cols === second.cols;
  const angles = (side: Side): AngleList | undefined => {
    if (!isComparable || first.metrics.zero || second.metrics.zero) return undefined;
    return principalAngles(
      subspace(first, side, first.metrics.numericalRank),
      subspace(second, side, second.metrics.numericalRank),
    );
  };
  return {
    input: map("input"),
    output: map("output"),
    inputAngles: angles("input"),
    outputAngles: angles("output"),
  };
}

function similarityMap(matrix: Matrix | undefined): SimilarityMap | undefined {
  if (matrix === undefined) return undefined;
  const rows = Math.min(matrix.rows, maxMapSize);
  const cols = Math.min(matrix.cols, maxMapSize);
  const values = new Float32Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) values[i * cols + j] = matrix.data[i * matrix.cols + j] as number;
  }
  return { rows, cols, values };
}
