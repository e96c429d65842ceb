import type { CheckpointSession } from "../checkpoint/checkpointSession";
import type { Problem } from "../problem";
import { compareNames, separatorOf } from "../tensors/nameOrder";
import type { Tensor } from "../tensors/tensor";
import { formatCount } from "../text/quantities";
import type { CompareTensorRow, TensorStatus } from "./compareView";

/**
 * Aligns the tensors of full models by name and says what differs in layout. Adapters are left out: their
 * factors are compared as updates.
 * @param maxRows rows listed; those that differ come first.
 */
export function compareTensorLayouts(
  sessions: readonly (CheckpointSession | undefined)[],
  maxRows: number,
): { readonly rows: readonly CompareTensorRow[]; readonly problems: readonly Problem[] } {
  const isModel = sessions.map((session) => session !== undefined && session.adapter === undefined);
  if (isModel.filter(Boolean).length < 2) return { rows: [], problems: [] };
  const byName = new Map<string, (Tensor | undefined)[]>();
  for (const [index, session] of sessions.entries()) {
    if (session === undefined || !isModel[index]) continue;
    for (const tensor of session.checkpoint.tensors) {
      const row = byName.get(tensor.name) ?? new Array<Tensor | undefined>(sessions.length).fill(undefined);
      row[index] = tensor;
      byName.set(tensor.name, row);
    }
  }
  const separator = separatorOf([...byName.keys()].slice(0, 1000));
  const rows = [...byName]
    .map(([name, tensors]) => ({ name, cells: tensors.map(describe), status: statusOf(tensors, isModel) }))
    .sort((a, b) => statusOrder[a.status] - statusOrder[b.status] || compareNames(a.name, b.name, separator));
  if (rows.length <= maxRows) return { rows, problems: [] };
  const message = `${formatCount(rows.length - maxRows)} of ${formatCount(rows.length)} tensors are not listed; those that differ come first.`;
  return { rows: rows.slice(0, maxRows), problems: [{ severity: "info", code: "ManyTensors", message }] };
}

const statusOrder: Record<TensorStatus, number> = {
  shape: 0,
  dtype: 1,
  removed: 2,
  added: 3,
  "same layout": 4,
};

function describe(tensor: Tensor | undefined): string | null {
  return tensor === undefined ? null : `${tensor.dtype} [${tensor.shape.join(", ")}]`;
}

function statusOf(tensors: readonly (Tensor | undefined)[], isModel: readonly boolean[]): TensorStatus {
  const models = tensors.filter((_, index) => isModel[index]);
  const first = models[0];
  if (first === undefined) return "added";
  if (models.some((tensor) => tensor === undefined)) return "removed";
  if (models.some((tensor) => tensor?.shape.join() !== first.shape.join())) return "shape";
  return models.some((tensor) => tensor?.dtype !== first.dtype) ? "dtype" : "same layout";
}
