import { smoothingOf } from "./chartPlans";
import { type ChangeViewState, maxWeight, meanRadii, type TrainingViewState } from "./trainingViewState";

export interface SmoothingControlProps {
  readonly viewState: TrainingViewState;
  readonly change: ChangeViewState;
}

/** How lines are smoothed, and how much. */
export function SmoothingControl({ viewState, change }: SmoothingControlProps) {
  const { smoothing, weight, radius } = viewState;
  const isAverage = smoothing === "average";
  const stop = meanRadii.findLastIndex((each) => each <= radius);
  return (
    <div class="smoothing">
      <label>
        Smoothing
        <input
          type="range"
          aria-label="Smoothing"
          min="0"
          max={isAverage ? maxWeight : meanRadii.length - 1}
          step={isAverage ? "0.01" : "1"}
          value={isAverage ? weight : stop}
          onInput={(event) => {
            const value = Number(event.currentTarget.value);
            change(isAverage ? { weight: value } : { radius: meanRadii[value] ?? 0 });
          }}
        />
        <output class="number">{smoothingText(viewState)}</output>
      </label>
      <fieldset class="segments" aria-label="Kind of smoothing">
        <button
          type="button"
          class="chip"
          aria-pressed={isAverage}
          title="Exponential moving average of the values so far, as TensorBoard draws it: lags behind"
          onClick={() => change({ smoothing: "average" })}
        >
          EMA
        </button>
        <button
          type="button"
          class="chip"
          aria-pressed={!isAverage}
          title="Mean of the values on both sides: does not lag behind"
          onClick={() => change({ smoothing: "mean" })}
        >
          Mean
        </button>
      </fieldset>
    </div>
  );
}

function smoothingText(viewState: TrainingViewState): string {
  if (smoothingOf(viewState) === undefined) return "off";
  return viewState.smoothing === "average"
    ? viewState.weight.toFixed(2)
    : `±${viewState.radius.toLocaleString("en")}`;
}
