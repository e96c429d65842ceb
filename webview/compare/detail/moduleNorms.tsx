import { useMemo } from "preact/hooks";
import type { FactorNorms } from "../../../src/core/update/factorNorms";
import type { ChartSeries } from "../../charts/chartSeries";
import { LineChart, type SeriesWords } from "../../charts/lineChart";
import { Dropdown } from "../../ui/controls";
import { formatNorm } from "../compareFormat";
import type { NormProfileId } from "../compareViewState";
import { byColumn, chartOutlets, type DetailProps } from "./readyDetail";

const normProfiles: readonly {
  readonly id: NormProfileId & keyof FactorNorms;
  readonly label: string;
  readonly xLabel: string;
}[] = [
  { id: "outputs", label: "Rows of ΔW (outputs)", xLabel: "Output" },
  { id: "inputs", label: "Columns of ΔW (inputs)", xLabel: "Input" },
  { id: "componentsOfA", label: "Rows of A (components)", xLabel: "Component" },
  { id: "inputsOfA", label: "Columns of A (inputs)", xLabel: "Input" },
  { id: "componentsOfB", label: "Columns of B (components)", xLabel: "Component" },
  { id: "outputsOfB", label: "Rows of B (outputs)", xLabel: "Output" },
];

/** Where a module's update is large: the norms of rows and columns of the update and of its factors. */
export function ModuleNorms({ model, view, detail }: DetailProps) {
  const chosen = model.viewState.value.normProfile;
  const profile = normProfiles.find(({ id }) => id === chosen) ?? normProfiles[0];
  const id = profile?.id ?? "outputs";
  const factors = useMemo(() => byColumn(view, detail, detail.detail.factors), [view, detail]);
  const series = useMemo<ChartSeries[]>(
    () =>
      view.columns.flatMap(({ path, label }, at) => {
        const norms = factors[at]?.norms[id];
        if (norms === undefined || norms.values.length === 0) return [];
        const x = Float64Array.from(norms.values, (_, index) => index * norms.stride + 1);
        return [{ key: path, label, x, y: Float64Array.from(norms.values), style: at }];
      }),
    [view, factors, id],
  );
  const stride = Math.max(1, ...factors.map((factor) => factor?.norms[id].stride ?? 1));
  const top = Math.max(0, ...series.flatMap(({ y }) => [...y].filter(Number.isFinite)));
  const range = useMemo(() => ({ min: 0, max: 1.05 * top || 1 }), [top]);
  return (
    <>
      <Dropdown
        label="Norms of what"
        value={id}
        options={normProfiles.map(({ id: value, label }) => ({ value, label }))}
        onChange={(value) => model.change({ normProfile: value as NormProfileId })}
      />
      {series.length === 0 ? (
        <p class="dim">No snapshot has factors of this module that can be measured.</p>
      ) : (
        <LineChart
          title={`Norms: ${profile?.label ?? ""}`}
          series={series}
          xLabel={profile?.xLabel ?? ""}
          integerX
          yRange={range}
          words={words}
          note={stride > 1 ? `Of each ${stride} neighbours the largest is shown` : undefined}
          {...chartOutlets(model)}
        />
      )}
    </>
  );
}

function extremes({ x, y }: ChartSeries): string {
  let at = 0;
  for (let index = 1; index < y.length; index++) if ((y[index] ?? 0) > (y[at] ?? 0)) at = index;
  const mean = y.reduce((sum, value) => sum + value, 0) / Math.max(1, y.length);
  return `largest ${formatNorm(y[at] ?? 0)} at ${x[at]}, mean ${formatNorm(mean)}`;
}

const words: SeriesWords = {
  short: extremes,
  sentence: (series) => `${series.label}: ${extremes(series)}.`,
};
