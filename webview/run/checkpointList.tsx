import { indexAtStep, type MetricSeries } from "../../src/core/runs/metricSeries";
import type { CheckpointMarker, TrainingView } from "../../src/core/runs/trainingView";
import { formatAligned, formatCount, formatNumber, plural } from "../../src/core/text/quantities";
import { safeText } from "../ui/safeText";
import { Section } from "../ui/section";

export interface CheckpointListProps {
  readonly view: TrainingView;
  readonly onOpen: (path: string) => void;
}

/** The saved moments of the run with what the log says about each. */
export function CheckpointList({ view, onOpen }: CheckpointListProps) {
  const { checkpoints, series } = view;
  const loss = series.find(({ key }) => key === "loss");
  const evalLoss = series.find(({ key }) => key === "eval_loss");
  if (checkpoints.length === 0) {
    return (
      <Section title="Checkpoints">
        <p class="dim">No checkpoints were found in this run.</p>
      </Section>
    );
  }
  return (
    <Section title="Checkpoints" note={plural(checkpoints.length, "checkpoint")} class="run-checkpoints">
      <table class="checkpoint-table" aria-label="Checkpoints">
        <thead>
          <tr>
            <th scope="col">Checkpoint</th>
            <th scope="col" class="cell-end">
              Step
            </th>
            <th scope="col" class="cell-end">
              Epoch
            </th>
            {loss !== undefined && (
              <th scope="col" class="cell-end" title="Logged last at or before this step">
                Loss
              </th>
            )}
            {evalLoss !== undefined && (
              <th scope="col" class="cell-end" title="Logged last at or before this step">
                Eval loss
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {checkpoints.map((checkpoint) => (
            <tr key={checkpoint.path} class={checkpoint.best ? "best" : ""}>
              <th scope="row">
                <span class="checkpoint-name">
                  <button type="button" class="link ellipsis" onClick={() => onOpen(checkpoint.path)}>
                    {safeText(checkpoint.name)}
                  </button>
                  {checkpoint.best && <span class="checkpoint-best">best</span>}
                </span>
              </th>
              <td class="cell-end">{formatCount(checkpoint.step)}</td>
              <td class="cell-end">
                {Number.isFinite(checkpoint.epoch) ? formatNumber(checkpoint.epoch) : "–"}
              </td>
              {loss !== undefined && <td class="cell-end">{valueFor(loss, checkpoint)}</td>}
              {evalLoss !== undefined && <td class="cell-end">{valueFor(evalLoss, checkpoint)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function valueFor(series: MetricSeries, { step }: CheckpointMarker): string {
  const value = series.values[indexAtStep(series, step)];
  return value === undefined ? "–" : formatAligned(value, 5);
}
