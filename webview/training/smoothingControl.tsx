import { smoothingOf } from "./chartPlans";
import { type ChangePlace, maxWeight, meanRadii, type TrainingPlace } from "./trainingPlace";

export interface SmoothingControlProps {
  readonly place: TrainingPlace;
  readonly change: ChangePlace;
}

/** How lines are smoothed, and how much. */
export function SmoothingControl({ place, change }: SmoothingControlProps) {
  const { smoothing, weight, radius } = place;
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
        <output class="number">{smoothingText(place)}</output>
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

function smoothingText(place: TrainingPlace): string {
  if (smoothingOf(place) === undefined) return "off";
  return place.smoothing === "average" ? place.weight.toFixed(2) : `±${place.radius.toLocaleString("en")}`;
}
