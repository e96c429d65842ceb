import type { SnapshotColumn } from "../../../src/core/compare/compareView";
import { safeText } from "../../ui/safeText";

/** The stage of a snapshot; one that was only inferred says so. */
export function StageChip({ column }: { readonly column: SnapshotColumn }) {
  const { stage } = column;
  if (stage === undefined) return <span class="stage-chip none">Set stage…</span>;
  return (
    <span class={`stage-chip ${stage.inferred ? "inferred" : ""}`} title={stageTitle(column)}>
      <span class="ellipsis">{safeText(stage.stage)}</span>
      {stage.inferred && <span class="stage-inferred-mark"> inferred</span>}
    </span>
  );
}

export function stageTitle({ stage }: SnapshotColumn): string {
  if (stage === undefined) return "No stage is known";
  return safeText(stage.inferred ? `Inferred: ${stage.reason}` : stage.reason);
}
