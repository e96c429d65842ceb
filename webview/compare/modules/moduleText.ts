import type { CompareMetric, CompareView } from "../../../src/core/compare/compareView";
import type { CopiedTable } from "../../ui/tables/copyButtons";
import { metricsAt } from "../columnWidths";
import { allDigits, formatMetric, type ModuleLine, metricInfos, metricOf } from "../compareMetrics";
import { absenceOf } from "./moduleRows";

/** What is copied crosses to VS Code as one message, and those should stay well under a megabyte. */
const maxCopiedCells = 40_000;

/** The module table as it is shown. Numbers for a spreadsheet keep all their digits. */
export function moduleText(
  view: CompareView,
  rows: readonly ModuleLine[],
  metrics: readonly CompareMetric[],
  digits: "shown" | "all",
): CopiedTable {
  const tracks = view.columns.flatMap(({ label }, at) =>
    metricsAt(at, metrics).map((metric) => ({ label, at, metric })),
  );
  const copied = rows.slice(0, Math.max(1, Math.floor(maxCopiedCells / (tracks.length + 1))));
  const text = (line: ModuleLine, at: number, metric: CompareMetric) => {
    if (view.columns[at]?.failure !== undefined) return "unreadable";
    if (!line.cells[at]) return "not adapted";
    const value = metricOf(view, line, at, metric);
    if (value === undefined) return absenceOf(line, at, metric) ?? "";
    return digits === "all" ? allDigits(metric, value) : formatMetric(metric, value);
  };
  return {
    table: {
      headers: ["Module", ...tracks.map(({ label, metric }) => `${label} ${metricInfos[metric].short}`)],
      rows: copied.map((row) => [row.module, ...tracks.map(({ at, metric }) => text(row, at, metric))]),
      alignEnd: new Set(tracks.map((_, index) => index + 1)),
    },
    what: copied.length < rows.length ? `the first ${copied.length} modules` : `${copied.length} modules`,
  };
}
