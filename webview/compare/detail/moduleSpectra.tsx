import { useMemo } from "preact/hooks";
import { SpectrumChart, type SpectrumSeries } from "../../charts/spectrumChart";
import { safeText } from "../../ui/safeText";
import { byColumn, chartOutlets, type DetailProps } from "./readyDetail";

/** σ of the update in each snapshot, or of the true change where a recipe moved the base. */
export function ModuleSpectra({ model, view, detail }: DetailProps) {
  const { singularValues, trueChange } = detail.detail;
  const hasTrueChange = trueChange?.some((sigma) => sigma !== null) === true;
  const isTrue = hasTrueChange && model.viewState.value.trueSpectrum;
  const series = useMemo<SpectrumSeries[]>(() => {
    const found = byColumn(view, detail, isTrue ? trueChange : singularValues);
    // Colour and shape follow the column, not the place among those that have the module.
    return view.columns.flatMap(({ label }, at) => {
      const values = found[at];
      return values === undefined || values.length === 0 ? [] : [{ label, values, style: at }];
    });
  }, [view, detail, isTrue]);
  const initial = view.columns[view.initialColumn ?? -1]?.label ?? "the initial adapter";
  return (
    <>
      {hasTrueChange && (
        <fieldset class="segments" aria-label="Which change">
          <button
            type="button"
            class="chip"
            aria-pressed={!isTrue}
            title="s·B·A: the change from the base that the recipe made"
            onClick={() => model.change({ trueSpectrum: false })}
          >
            ΔW
          </button>
          <button
            type="button"
            class="chip"
            aria-pressed={isTrue}
            title={safeText(`s·(B·A − B₀·A₀), counted from ${initial}: the change from the public base`)}
            onClick={() => model.change({ trueSpectrum: true })}
          >
            {safeText(`Change since ${initial}`)}
          </button>
        </fieldset>
      )}
      {series.length === 0 ? (
        <p class="dim">No snapshot has singular values of this module.</p>
      ) : (
        <SpectrumChart
          series={series}
          title={isTrue ? "Singular values of the true change" : "Singular values of ΔW"}
          stateKey="spectrum"
          {...chartOutlets(model)}
        />
      )}
    </>
  );
}
