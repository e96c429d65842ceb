import { collectParts } from "../adapter/adapterParts";
import type { Problem } from "../problem/problem";
import { formatShape } from "../tensors/tensor";
import type { HealthSubject } from "./healthSubject";

/**
 * One process's slice that was saved as the whole: the rows of every A are the same exact fraction of the rank that
 * the configuration says, and that B still has as its columns.
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
  const parts = rank / (first.a.shape[0] as number);
  const isSlice = (rows: number | undefined, columns: number | undefined) =>
    rows !== undefined && columns === rank && rows * parts === rank;
  if (!Number.isInteger(parts) || parts < 2) return [];
  if (!pairs.every(({ a, b }) => isSlice(a.shape[0], b.shape[1]))) return [];
  const message = `Every factor is the slice of one of ${parts} processes, saved as the whole: the configuration says r = ${rank}, ${first.a.name} is ${formatShape(first.a.shape)}, exactly 1/${parts} of its rows, beside ${formatShape(first.b.shape)}. The other slices were not saved here; save with a full state dict (FSDP).`;
  return [{ severity: "error", code: "OneRankOnly", message, file: checkpoint.path, tensor: first.a.name }];
}
