import { collectParts } from "../adapter/adapterParts";
import type { Problem } from "../problem/problem";
import { formatShape } from "../tensors/tensor";
import type { HealthSubject } from "./healthSubject";

/**
 * One process's slice that was saved as the whole: the rows of every A (or the columns of every B) are the same exact
 * fraction of the rank that the configuration says, and that the other factor still has.
 */
export function slicedFactors({ checkpoint, adapterConfig }: HealthSubject): readonly Problem[] {
  const rank = adapterConfig?.r;
  if (rank === undefined) return [];
  const pairs = [...collectParts(checkpoint.tensors).groups.values()].flatMap(({ tensors }) => {
    const [a, b] = [tensors.get("a"), tensors.get("b")];
    return a?.shape.length === 2 && b?.shape.length === 2 ? [{ a, b }] : [];
  });
  const [first] = pairs;
  if (first === undefined) return [];
  // Of A the rows were divided, or of B the columns; the other still has the whole rank.
  const isOfA = (first.a.shape[0] as number) < (first.b.shape[1] as number);
  const parts = rank / Math.min(first.a.shape[0] as number, first.b.shape[1] as number);
  if (!Number.isInteger(parts) || parts < 2) return [];
  const isSlice = (cut: number | undefined, whole: number | undefined) =>
    cut !== undefined && whole === rank && cut * parts === rank;
  const areSlices = pairs.every(({ a, b }) => {
    const [rows, columns] = [a.shape[0], b.shape[1]];
    return isOfA ? isSlice(rows, columns) : isSlice(columns, rows);
  });
  if (!areSlices) return [];
  const [cut, whole] = isOfA ? [first.a, first.b] : [first.b, first.a];
  const message = `Every factor is the slice of one of ${parts} processes, saved as the whole: the configuration says r = ${rank}, ${cut.name} is ${formatShape(cut.shape)}, exactly 1/${parts} of its ${isOfA ? "rows" : "columns"}, beside ${formatShape(whole.shape)}. The other slices were not saved here; save with a full state dict (FSDP).`;
  return [{ severity: "error", code: "OneRankOnly", message, file: checkpoint.path, tensor: first.a.name }];
}
