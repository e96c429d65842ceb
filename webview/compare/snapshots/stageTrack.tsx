import type { CompareView, SnapshotColumn } from "../../../src/core/compare/compareView";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import type { ColumnWidths } from "../columnWidths";
import type { CompareModel } from "../compareModel";
import { StageChip, stageTitle } from "./stageChip";
import { type StepSummary, stepSummaries, unbroken } from "./stepSummaries";

export interface StageTrackProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  readonly widths: ColumnWidths;
}

/**
 * The way through the pipeline: above each column its stage, and between each two what happened from one to the
 * other. Each column has two tracks of the grid, so that a step reaches from middle to middle.
 */
export function StageTrack({ model, view, widths }: StageTrackProps) {
  const steps = stepSummaries(view);
  const halves = widths.snapshots.flatMap((width) => [Math.floor(width / 2), Math.ceil(width / 2)]);
  return (
    <div
      class="stage-track"
      style={{
        width: `${widths.total}px`,
        gridTemplateColumns: [widths.name, ...halves].map((width) => `${width}px`).join(" "),
      }}
    >
      <div class="name-cell track-name">Stages</div>
      <ol aria-label="Stages and what happened between them">
        {view.columns.map((column, at) => [
          <li key={column.path} class="track-stop" style={{ gridColumn: `${2 + 2 * at} / span 2` }}>
            <StageStop model={model} column={column} />
          </li>,
          at < steps.length && (
            <li
              key={`${column.path} step`}
              class="track-step"
              style={{ gridColumn: `${3 + 2 * at} / span 2` }}
            >
              <Step step={steps[at] as StepSummary} />
            </li>
          ),
        ])}
      </ol>
    </div>
  );
}

function StageStop({ model, column }: { readonly model: CompareModel; readonly column: SnapshotColumn }) {
  const label = safeText(column.label);
  const { stage, stageNote } = column;
  return (
    <>
      <span class="track-label">
        {stageNote !== undefined && (
          <span class="track-note" title={safeText(stageNote)}>
            <Icon name="warning" class="warning" label={safeText(stageNote)} />
          </span>
        )}
        <button
          type="button"
          class="stage-button"
          title={`${stageTitle(column)}. Click to set the stage.`}
          onClick={() => model.host.notify("setStage", { path: column.path })}
        >
          <span class="visually-hidden">{`Stage of ${label}: `}</span>
          <StageChip column={column} />
          {stage !== undefined && <span class="visually-hidden">. Set the stage.</span>}
        </button>
      </span>
      <span class={`track-dot ${stage === undefined ? "unknown" : ""}`} />
    </>
  );
}

function Step({ step: { from, to, sentence, facts } }: { readonly step: StepSummary }) {
  return (
    <div class="step-text">
      <span class="visually-hidden">{`${safeText(from)} → ${safeText(to)}: `}</span>
      {sentence !== undefined && <p class="step-sentence">{unbroken(safeText(sentence))}</p>}
      {facts.length > 0 && (
        <p class="step-facts">
          {facts.map((fact, at) => (
            <span key={`${at} ${fact}`} class="step-fact">
              {unbroken(safeText(fact))}
              {at < facts.length - 1 && " ·"}
            </span>
          ))}
        </p>
      )}
    </div>
  );
}
