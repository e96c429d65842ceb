import type { LoraModuleMetrics, LoraModuleRow } from "../session/loraView";
import { dtypeBits } from "../tensors/dtype";
import type { ReducibleModule } from "./reductionPlan";

export interface Reducible {
  readonly modules: readonly ReducibleModule[];
  /** The highest rank that any module can keep. */
  readonly largestRank: number;
  /** No spectrum is listed further than this: a plan that keeps more would only be guessed. */
  readonly maxRank: number | undefined;
  /** Why the adapter cannot be reduced as a whole; undefined where it can be. */
  readonly problem: string | undefined;
}

/** What a page that shows an adapter can plan a reduction from. */
export function reducibleModules(rows: readonly LoraModuleRow[]): Reducible {
  const modules: ReducibleModule[] = [];
  let problem: string | undefined;
  let maxRank: number | undefined;
  for (const row of rows) {
    const { module, rank, inFeatures, outFeatures, dtype, metrics, unavailable, unlistedValues } = row;
    if (metrics === undefined) {
      problem ??= `${module} cannot be reduced: ${unavailable ?? "it was not measured."}`;
      continue;
    }
    const { singularValues } = metrics;
    if (unlistedValues !== undefined) maxRank = Math.max(maxRank ?? 0, singularValues.length);
    const bytesPerValue = (dtypeBits.get(dtype) ?? 32) / 8;
    const rest = unlistedValues === undefined ? {} : { rest: restOf(metrics) };
    const stored = row.storedBytes === undefined ? {} : { storedBytes: row.storedBytes };
    modules.push({
      module,
      rank,
      inFeatures,
      outFeatures,
      singularValues,
      bytesPerValue,
      ...stored,
      ...rest,
    });
  }
  const largestRank = modules.reduce((most, { singularValues }) => Math.max(most, singularValues.length), 1);
  return { modules, largestRank, maxRank, problem };
}

function restOf({ frobenius, nuclear, singularValues }: LoraModuleMetrics) {
  const listedSquares = singularValues.reduce((sum, value) => sum + value * value, 0);
  const listedSum = singularValues.reduce((sum, value) => sum + value, 0);
  return {
    squares: Math.max(frobenius * frobenius - listedSquares, 0),
    sum: Math.max(nuclear - listedSum, 0),
  };
}
