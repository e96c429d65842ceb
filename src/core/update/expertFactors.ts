import { columnsOfExpert, isFusedExperts } from "../adapter/expertColumns";
import type { ExpertForm } from "../adapter/factorLayout";
import type { LoraModule } from "../adapter/loraModule";
import { createMatrix, isFiniteMatrix, type Matrix, transpose } from "../linalg/matrix";
import { elementCount } from "../tensors/tensor";
import { unitRoundoff } from "./dtypeRounding";
import { FactorReader, type Factors, type ModuleScale, maxAnalysedRank, type ReadTensor } from "./factors";

/** The factors of a mixture of experts, read once and cut apart when asked for. */
export interface ExpertFactors extends ModuleScale {
  readonly count: number;
  /** Of one expert, counted from 0: ΔW_e = scale · b · a. */
  readonly factorsOf: (expert: number) => Factors;
}

/**
 * Reads the factors of all experts of a module.
 * @throws UpdateUnavailableError where it holds none, their number is not known, or they are too large.
 */
export async function loadExpertFactors(
  module: LoraModule,
  readTensor: ReadTensor,
  signal?: AbortSignal,
): Promise<ExpertFactors> {
  const { experts, rank, inFeatures, outFeatures, a, b } = module;
  const reader = new FactorReader(module, readTensor, signal);
  if (experts?.count === undefined) throw reader.unavailable("Experts", unknownCount);
  if (rank > maxAnalysedRank) throw reader.tooHigh();
  const { count, order } = experts;
  const [{ alpha, scale }, valuesOfA, valuesOfB] = await Promise.all([
    reader.scale(),
    reader.values(a, elementCount(a.shape)),
    reader.values(b, elementCount(b.shape)),
  ]);
  const isWhole = (values: Float64Array, each: number) =>
    values.length === each * count || (!isFusedExperts(experts) && values.length === each);
  if (!isWhole(valuesOfA, rank * inFeatures) || !isWhole(valuesOfB, rank * outFeatures)) {
    throw reader.unavailable("ShapeMismatch", `Its factors do not hold ${count} experts of rank ${rank}.`);
  }
  const rounding = Math.max(unitRoundoff(a.dtype), unitRoundoff(b.dtype));
  const factorsOf = (expert: number): Factors => {
    const ownA = expertA(valuesOfA, expert, module, order);
    const ownB = isFusedExperts(experts)
      ? fusedB(valuesOfB, columnsOfExpert(experts, rank, expert), count, module)
      : expertB(valuesOfB, expert, module, order);
    const finite = Number.isFinite(scale) && isFiniteMatrix(ownA) && isFiniteMatrix(ownB);
    return { a: ownA, b: ownB, scale, alpha, finite, rounding };
  };
  return { count, alpha, scale, factorsOf };
}

const unknownCount =
  "It holds one update for each expert, and how many experts there are stands in adapter_config.json, which is missing.";

type Sizes = Pick<LoraModule, "rank" | "inFeatures" | "outFeatures">;

/** A factor that is there once is shared by all experts. */
function partOf(values: Float64Array, expert: number, size: number): Float64Array {
  const first = values.length === size ? 0 : expert * size;
  return values.slice(first, first + size);
}

function expertA(
  values: Float64Array,
  expert: number,
  { rank, inFeatures }: Sizes,
  order: ExpertForm["order"],
): Matrix {
  const part = partOf(values, expert, rank * inFeatures);
  if (order === "grouped") return transpose(createMatrix(inFeatures, rank, part));
  return createMatrix(rank, inFeatures, part);
}

function expertB(
  values: Float64Array,
  expert: number,
  { rank, outFeatures }: Sizes,
  order: ExpertForm["order"],
): Matrix {
  const part = partOf(values, expert, rank * outFeatures);
  if (order === "grouped") return transpose(createMatrix(rank, outFeatures, part));
  return createMatrix(outFeatures, rank, part);
}

/** B is [out, r·E], of which an expert has some columns. */
function fusedB(
  values: Float64Array,
  { first, step }: { readonly first: number; readonly step: number },
  count: number,
  { rank, outFeatures }: Sizes,
): Matrix {
  const result = createMatrix(outFeatures, rank);
  for (let row = 0; row < outFeatures; row++) {
    const start = row * rank * count + first;
    for (let column = 0; column < rank; column++)
      result.data[row * rank + column] = values[start + column * step] as number;
  }
  return result;
}
