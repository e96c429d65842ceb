import type { LoraModuleRow } from "../../../src/core/session/loraView";
import { compareNames } from "../../../src/core/tensors/nameOrder";
import type { SortOrder } from "../../ui/tables/dataTable";
import type { LoraColumn } from "../viewState";

/** Every word must occur in the module's name. */
export function filterModules(modules: readonly LoraModuleRow[], text: string): readonly LoraModuleRow[] {
  const words = text.trim().toLowerCase().split(/\s+/);
  return modules.filter(({ module }) => {
    const name = module.toLowerCase();
    return words.every((word) => name.includes(word));
  });
}

/** ‖ΔW‖ / ‖W‖ of modules whose base weight was found. */
export type BaseRatios = ReadonlyMap<string, number>;

const numberOf: Record<
  Exclude<LoraColumn, "module" | "baseRatio">,
  (row: LoraModuleRow) => number | undefined
> = {
  rank: (row) => row.rank,
  alpha: (row) => row.alpha,
  scale: (row) => row.scale,
  shape: (row) => row.outFeatures * row.inFeatures,
  normA: (row) => row.metrics?.normA,
  normB: (row) => row.metrics?.normB,
  frobenius: (row) => row.metrics?.frobenius,
  spectral: (row) => row.metrics?.spectral,
  stableRank: (row) => row.metrics?.stableRank,
  effectiveRank: (row) => row.metrics?.effectiveRank,
  rank99: (row) => row.metrics?.rank99,
};

/** What could not be computed comes last in either direction: it is neither large nor small. */
export function sortModules(
  modules: readonly LoraModuleRow[],
  { column, descending }: SortOrder<LoraColumn>,
  ratios?: BaseRatios,
): readonly LoraModuleRow[] {
  const sign = descending ? -1 : 1;
  const byName = (a: LoraModuleRow, b: LoraModuleRow) => compareNames(a.module, b.module, ".");
  if (column === "module") return [...modules].sort((a, b) => sign * byName(a, b));
  const value =
    column === "baseRatio" ? ({ module }: LoraModuleRow) => ratios?.get(module) : numberOf[column];
  return [...modules].sort((a, b) => compareNumbers(value(a), value(b), sign) || byName(a, b));
}

function compareNumbers(a: number | undefined, b: number | undefined, sign: number): number {
  const hasA = a !== undefined && !Number.isNaN(a);
  const hasB = b !== undefined && !Number.isNaN(b);
  if (!hasA || !hasB) return Number(hasB) - Number(hasA);
  return a === b ? 0 : sign * (a < b ? -1 : 1);
}
