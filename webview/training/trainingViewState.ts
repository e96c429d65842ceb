import type { ChartChoices } from "../../src/protocol/chartCalls";
import type { ChartRange } from "../charts/chartSeries";
import { chartAxes } from "./chartAxis";

/** Where the reader is in the charts; it outlives the page, which is destroyed when its tab is hidden. */
export interface TrainingViewState extends ChartChoices {
  readonly shows: "charts" | "table";
  readonly choosing: boolean;
  readonly range: ChartRange | undefined;
  /** Runs whose lines are left out. */
  readonly hiddenRuns: readonly string[];
}

export const maxWeight = 0.99;
/** Points on either side, as the slider counts them. */
export const meanRadii: readonly number[] = [0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

export const startViewState: TrainingViewState = {
  shows: "charts",
  axis: "step",
  logarithmic: false,
  smoothing: "average",
  weight: 0.6,
  radius: 10,
  smoothed: {},
  hidden: [],
  folded: {},
  choosing: false,
  range: undefined,
  hiddenRuns: [],
};

export type ChangeViewState = (part: Partial<TrainingViewState>) => void;

/** Another version of the page may have written it. */
export function viewStateFrom(saved: Partial<TrainingViewState>): TrainingViewState {
  const { range } = saved;
  return {
    shows: saved.shows === "table" ? "table" : "charts",
    axis: chartAxes.find(({ kind }) => kind === saved.axis)?.kind ?? startViewState.axis,
    logarithmic: saved.logarithmic === true,
    smoothing: saved.smoothing === "mean" ? "mean" : "average",
    weight: numberIn(saved.weight, maxWeight, startViewState.weight),
    radius: Math.round(numberIn(saved.radius, meanRadii.at(-1) ?? 0, startViewState.radius)),
    smoothed: flagsOf(saved.smoothed),
    hidden: textsOf(saved.hidden),
    folded: flagsOf(saved.folded),
    choosing: saved.choosing === true,
    range:
      typeof range?.min === "number" && typeof range.max === "number" && range.min < range.max
        ? { min: range.min, max: range.max }
        : undefined,
    hiddenRuns: textsOf(saved.hiddenRuns),
  };
}

function numberIn(value: unknown, max: number, otherwise: number): number {
  return typeof value === "number" && value >= 0 && value <= max ? value : otherwise;
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function flagsOf(value: unknown): Readonly<Record<string, boolean>> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter(([, flag]) => typeof flag === "boolean"));
}
