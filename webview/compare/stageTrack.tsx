import type { SnapshotColumn } from "../../src/core/lora/compareView";
import { safeText } from "../ui/safeText";
import { inStageOrder, isInStageOrder, stageStops } from "./stageOrder";

export interface StageTrackProps {
  readonly columns: readonly SnapshotColumn[];
  readonly onArrange: (paths: readonly string[]) => void;
}

/** The way through the pipeline as far as these snapshots show it. */
export function StageTrack({ columns, onArrange }: StageTrackProps) {
  const stops = stageStops(columns);
  if (stops.length < 2) return null;
  return (
    <div class="stage-track">
      <ol aria-label="Stages in pipeline order">
        {stops.map(({ stage, labels }) => (
          <li key={stage} title={safeText(labels.join(", "))}>
            <span class="stage-stop">{safeText(stage)}</span>
            {labels.length > 1 && <span class="dim number">{`× ${labels.length}`}</span>}
          </li>
        ))}
      </ol>
      {!isInStageOrder(columns) && (
        <button
          type="button"
          class="link"
          onClick={() => onArrange(inStageOrder(columns).map(({ path }) => path))}
        >
          Arrange the columns in this order
        </button>
      )}
    </div>
  );
}
