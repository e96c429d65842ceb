import type { Timeline, TimelineMetric } from "../../../src/core/compare/timeline";
import type { TextTable } from "../../../src/core/text/tableText";
import { blanks, type HeatMatrix } from "../../charts/heatPaint";
import { formatChange, formatCosine, formatNorm, formatShareOf } from "../compareFormat";

export const timelineMetricInfos: Readonly<
  Record<TimelineMetric, { readonly label: string; readonly format: (value: number) => string }>
> = {
  frobenius: { label: "‖ΔW‖ (Frobenius norm)", format: formatNorm },
  spectral: { label: "σ₁ (spectral norm)", format: formatNorm },
  stableRank: { label: "Stable rank", format: (value) => value.toFixed(2) },
  effectiveRank: { label: "Effective rank", format: (value) => value.toFixed(2) },
  rank99: { label: "Rank for 99 % of the energy", format: String },
  normA: { label: "‖A‖", format: formatNorm },
  normB: { label: "‖B‖", format: formatNorm },
  relativeChange: { label: "Change since the checkpoint before", format: formatChange },
  cosine: { label: "Cosine with the checkpoint before", format: formatCosine },
  energyKept: { label: "Energy kept since the checkpoint before", format: formatShareOf },
  fromFirst: { label: "Change since the first checkpoint", format: formatChange },
};

export type TimelineOrder = "layer" | "kind";

/** Indexes of the modules from top to bottom. */
export function orderedModules({ grid, modules }: Timeline, order: TimelineOrder): readonly number[] {
  const [layers, kinds] = [grid.rows.length, grid.columns.length];
  const places =
    order === "layer"
      ? [...grid.cells]
      : Array.from(
          { length: layers * kinds },
          (_, at) => grid.cells[(at % layers) * kinds + Math.floor(at / layers)] ?? -1,
        );
  const placed = places.filter((index) => index >= 0);
  const known = new Set(placed);
  return [...placed, ...Array.from(modules.keys()).filter((index) => !known.has(index))];
}

export function timelineMatrix(
  { checkpoints, values }: Timeline,
  order: readonly number[],
  metric: TimelineMetric,
): HeatMatrix {
  const cols = checkpoints.length;
  const source = values[metric];
  const matrix = new Float32Array(order.length * cols).fill(Number.NaN);
  const presence = new Uint8Array(matrix.length);
  for (const [row, module] of order.entries()) {
    for (let col = 0; col < cols; col++) {
      const value = source?.[module * cols + col] ?? Number.NaN;
      matrix[row * cols + col] = value;
      presence[row * cols + col] = Number.isNaN(value) ? blanks.absent : blanks.present;
    }
  }
  return { rows: order.length, cols, values: matrix, presence };
}

/** The module that moved most since the first checkpoint; the first one where that is not known. */
export function mostMoved({ checkpoints, modules, values }: Timeline): string | undefined {
  const change = values.fromFirst ?? values.relativeChange ?? values.frobenius;
  const cols = checkpoints.length;
  let best = 0;
  let most = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < modules.length; row++) {
    const value = change?.[row * cols + cols - 1] ?? Number.NaN;
    if (Number.isFinite(value) && value > most) {
      most = value;
      best = row;
    }
  }
  return modules[best];
}

const maxCopiedCells = 40_000;

export function timelineText(
  timeline: Timeline,
  order: readonly number[],
  metric: TimelineMetric,
  digits: "shown" | "all",
): TextTable {
  const { checkpoints, modules, values } = timeline;
  const cols = checkpoints.length;
  const rows = order.slice(0, Math.max(1, Math.floor(maxCopiedCells / (cols + 1))));
  return {
    headers: ["Module", ...checkpoints.map(checkpointName)],
    rows: rows.map((module) => [
      modules[module] ?? "",
      ...checkpoints.map((_, col) => {
        const value = values[metric]?.[module * cols + col] ?? Number.NaN;
        if (Number.isNaN(value)) return "";
        return digits === "all"
          ? String(Number(value.toPrecision(7)))
          : timelineMetricInfos[metric].format(value);
      }),
    ]),
    alignEnd: new Set(checkpoints.map((_, col) => col + 1)),
  };
}

export function checkpointName({ step, label }: Timeline["checkpoints"][number]): string {
  return step === undefined ? label : `step ${step.toLocaleString("en")}`;
}
