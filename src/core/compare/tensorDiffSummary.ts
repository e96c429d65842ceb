import type { AlignedNames } from "../names/matchNames";
import type { Problem } from "../problem/problem";
import { layoutText, type Tensor } from "../tensors/tensor";
import { formatCount } from "../text/quantities";
import type { CompareTensorRow, TensorStatus } from "./compareView";
import type { Snapshot } from "./openSnapshots";
import { alignedSources } from "./tensors/alignSnapshots";
import { type AlignedRow, alignTensors } from "./tensors/alignTensors";

export interface TensorLayouts {
  readonly rows: readonly CompareTensorRow[];
  /** All of them, one tensor a snapshot. */
  readonly aligned: readonly AlignedRow[];
  readonly problems: readonly Problem[];
}

/**
 * Aligns the tensors of full models by name and says what differs in layout. Adapters are left out: their
 * factors are compared as updates.
 * @param maxRows rows listed; those that differ come first.
 */
export function compareTensorLayouts(snapshots: readonly Snapshot[], maxRows: number): TensorLayouts {
  const isModel = snapshots.map(({ session }) => session !== undefined && session.adapter === undefined);
  if (isModel.filter(Boolean).length < 2) return { rows: [], aligned: [], problems: [] };
  const sources = alignedSources(snapshots);
  const aligned = alignTensors(sources.map((source, index) => (isModel[index] ? source : undefined)));
  const problems = [...aligned.problems, ...loaderWarnings(aligned.aligned, snapshots)];
  const rows = aligned.rows
    .map(({ name, tensors, status, part }) => ({ name, cells: tensors.map(describe), status, part }))
    .sort((a, b) => partOrder(a.part) - partOrder(b.part) || statusOrder[a.status] - statusOrder[b.status])
    .map(({ name, cells, status }) => ({ name, cells, status }));
  if (rows.length <= maxRows) return { rows, aligned: aligned.rows, problems };
  const message = `${formatCount(rows.length - maxRows)} of ${formatCount(rows.length)} tensors are not listed; those that differ come first.`;
  return {
    rows: rows.slice(0, maxRows),
    aligned: aligned.rows,
    problems: [...problems, { severity: "info", code: "ManyTensors", message }],
  };
}

/** A model under other names is another model to whoever matches names exactly. */
function loaderWarnings(
  aligned: readonly AlignedNames[],
  snapshots: readonly Snapshot[],
): readonly Problem[] {
  const renamed = new Set(
    aligned.flatMap(({ snapshot, kind }) => (kind === "prefix" || kind === "format" ? [] : [snapshot])),
  );
  if (renamed.size === 0) return [];
  const labels = [...renamed].map((index) => snapshots[index]?.label ?? "").join(", ");
  const message = `${labels}: a loader that matches names exactly (torch's load_state_dict, an adapter made for the other names) does not take the one for the other; newer versions of transformers rename some of them when they load.`;
  return [{ severity: "warning", code: "NamesNotInterchangeable", message }];
}

const statusOrder: Record<TensorStatus, number> = {
  shape: 0,
  dtype: 1,
  removed: 2,
  added: 3,
  "same layout": 4,
};

/** Weights first. */
function partOrder(part: AlignedRow["part"]): number {
  return part === undefined ? 0 : 1;
}

function describe(tensor: Tensor | undefined): string | null {
  return tensor === undefined ? null : layoutText(tensor);
}
