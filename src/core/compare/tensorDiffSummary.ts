import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import type { Tensor } from "../tensors/tensor";
import { formatCount } from "../text/quantities";
import type { CompareTensorRow, TensorStatus } from "./compareView";
import { alignTensors } from "./tensors/alignTensors";

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
  const aligned = alignTensors(
    sessions.map((session, index) => {
      if (session === undefined || !isModel[index]) return undefined;
      const { name, tensors, aliases } = session.checkpoint;
      return { label: name, tensors, aliases };
    }),
  );
  const rows = aligned.rows
    .map(({ name, tensors, status }) => ({ name, cells: tensors.map(describe), status }))
    .sort((a, b) => statusOrder[a.status] - statusOrder[b.status]);
  if (rows.length <= maxRows) return { rows, problems: aligned.problems };
  const message = `${formatCount(rows.length - maxRows)} of ${formatCount(rows.length)} tensors are not listed; those that differ come first.`;
  return {
    rows: rows.slice(0, maxRows),
    problems: [...aligned.problems, { severity: "info", code: "ManyTensors", message }],
  };
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
