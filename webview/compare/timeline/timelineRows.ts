import type { Timeline, TimelineMetric } from "../../../src/core/compare/timeline";
import { blanks, type CellMatrix } from "../../cells/cellMatrix";
import { formatChange, formatCosine, formatNorm, formatShareOf } from "../compareFormat";
import type { MapValues } from "../heat/mapValues";

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

/** A metric of the modules at each checkpoint. */
export function timelineValues(
  { checkpoints, modules, values }: Timeline,
  metric: TimelineMetric,
): MapValues {
  const value = (module: number, column: number): number | undefined => {
    const found = values[metric]?.[module * checkpoints.length + column] ?? Number.NaN;
    return Number.isNaN(found) ? undefined : found;
  };
  return {
    columns: checkpoints.map((checkpoint) => ({ path: checkpoint.path, label: checkpointName(checkpoint) })),
    modules,
    value,
    isAbsent: (module, column) => value(module, column) === undefined,
    absence: (_, column) => (checkpoints[column]?.failure === undefined ? "–" : "unreadable"),
    none: () => undefined,
    format: timelineMetricInfos[metric].format,
    exact: (each) => String(Number(each.toPrecision(7))),
  };
}

export function timelineMatrix(values: MapValues, order: readonly number[]): CellMatrix {
  const cols = values.columns.length;
  const cells = new Float32Array(order.length * cols);
  for (const [row, module] of order.entries()) {
    for (let col = 0; col < cols; col++) cells[row * cols + col] = values.value(module, col) ?? Number.NaN;
  }
  const presence = Uint8Array.from(cells, (value) => (Number.isNaN(value) ? blanks.absent : blanks.present));
  return { rows: order.length, cols, values: cells, presence };
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

function checkpointName({ step, label }: Timeline["checkpoints"][number]): string {
  return step === undefined ? label : `step ${step.toLocaleString("en")}`;
}
