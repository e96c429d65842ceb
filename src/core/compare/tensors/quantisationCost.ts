import { ggmlBlocks } from "../../tensors/ggmlBlocks";
import { storedType, type Tensor } from "../../tensors/tensor";
import type { AlignedRow } from "./alignTensors";
import type { DiffTable } from "./diffTable";

/** What one way to quantise weights cost, against weights that are not quantised. */
export interface QuantisationCost {
  /** As rows name it: "Q4_K", "NF4". */
  readonly type: string;
  readonly tensors: number;
  readonly medianRelativeL2: number;
  readonly largestRelativeL2: number;
  /** The tensor that has it. */
  readonly largest: string;
  readonly leastCosine: number;
  readonly largestError: number;
}

/** By type, the most expensive first; of the pair of columns `from` and `to`. Empty where neither is quantised alone. */
export function quantisationCost(
  rows: readonly AlignedRow[],
  from: number,
  to: number,
  table: DiffTable,
): readonly QuantisationCost[] {
  const pair = table.pairs.findIndex(({ a, b }) => a === from && b === to);
  const byType = new Map<string, { readonly name: string; readonly row: number; readonly l2: number }[]>();
  for (const [row, { name, tensors, part }] of rows.entries()) {
    const types = [tensors[from], tensors[to]].flatMap((tensor) => quantisedType(tensor) ?? []);
    const l2 = table.numbers(row, pair)?.relativeL2;
    const [type] = types;
    if (part !== undefined || types.length !== 1 || type === undefined || l2 === undefined) continue;
    if (tensors[from] === undefined || tensors[to] === undefined || !Number.isFinite(l2)) continue;
    byType.set(type, [...(byType.get(type) ?? []), { name, row, l2 }]);
  }
  const costs = [...byType].map(([type, found]): QuantisationCost => {
    const sorted = found.toSorted((a, b) => a.l2 - b.l2);
    const last = sorted[sorted.length - 1] as (typeof sorted)[number];
    const each = found.flatMap(({ row }) => table.numbers(row, pair) ?? []);
    return {
      type,
      tensors: found.length,
      medianRelativeL2: (sorted[Math.floor((sorted.length - 1) / 2)] as (typeof sorted)[number]).l2,
      largestRelativeL2: last.l2,
      largest: last.name,
      leastCosine: each.reduce((least, { cosine }) => (cosine < least ? cosine : least), 1),
      largestError: each.reduce((most, { maxAbs }) => (maxAbs > most ? maxAbs : most), 0),
    };
  });
  return costs.sort((a, b) => b.medianRelativeL2 - a.medianRelativeL2);
}

function quantisedType(tensor: Tensor | undefined): string | undefined {
  if (tensor === undefined) return undefined;
  const type = storedType(tensor);
  return ggmlBlocks.has(type) ||
    type.startsWith("F8_") ||
    (tensor.packed !== undefined && !/^B?F\d+$/.test(type))
    ? type
    : undefined;
}
