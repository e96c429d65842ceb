import { useLayoutEffect, useState } from "preact/hooks";
import type { ChartRange } from "../charts/chartSeries";
import { loadState, saveState } from "../host";

/** What the reader chose in the training panel; it outlives the page, which is destroyed when its tab is hidden. */
export interface TrainingPlace {
  readonly shows: "charts" | "table";
  readonly axis: "step" | "epoch";
  /** 0 draws the values as they are. */
  readonly smoothing: number;
  readonly logarithmic: boolean;
  /** Metrics with a chart of their own; undefined until the reader chooses. */
  readonly metrics: readonly string[] | undefined;
  /** Where smoothing differs from what it is by itself for that metric. */
  readonly smoothed: Readonly<Record<string, boolean>>;
  readonly choosing: boolean;
  readonly range: ChartRange | undefined;
}

export const maxSmoothing = 0.99;

const startPlace: TrainingPlace = {
  shows: "charts",
  axis: "step",
  smoothing: 0.6,
  logarithmic: false,
  metrics: undefined,
  smoothed: {},
  choosing: false,
  range: undefined,
};

export function useTrainingPlace(
  stateKey: string,
): readonly [place: TrainingPlace, change: (part: Partial<TrainingPlace>) => void] {
  const [place, setPlace] = useState<TrainingPlace>(() => placeFrom(loadState<TrainingPlace>(stateKey)));
  // Not after the next paint: a page that is hidden before has none.
  useLayoutEffect(() => saveState(stateKey, place), [stateKey, place]);
  return [place, (part) => setPlace((current) => ({ ...current, ...part }))];
}

/** Another version of the page may have written it. */
function placeFrom(saved: Partial<TrainingPlace>): TrainingPlace {
  const { smoothing, metrics, smoothed, range } = saved;
  return {
    shows: saved.shows === "table" ? "table" : "charts",
    axis: saved.axis === "epoch" ? "epoch" : "step",
    smoothing:
      typeof smoothing === "number" && smoothing >= 0 && smoothing <= maxSmoothing
        ? smoothing
        : startPlace.smoothing,
    logarithmic: saved.logarithmic === true,
    metrics: Array.isArray(metrics) ? metrics.filter((key) => typeof key === "string") : undefined,
    smoothed: typeof smoothed === "object" && smoothed !== null ? smoothed : {},
    choosing: saved.choosing === true,
    range:
      typeof range?.min === "number" && typeof range.max === "number" && range.min < range.max
        ? { min: range.min, max: range.max }
        : undefined,
  };
}
