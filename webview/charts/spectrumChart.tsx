import { useMemo } from "preact/hooks";
import { formatNumber } from "../../src/core/text/quantities";
import { usePersisted } from "../shell/persisted";
import type { ChartSeries } from "./chartSeries";
import { LineChart, type SeriesWords } from "./lineChart";
import type { SavePicture } from "./picture";
import { countForEnergy, cumulativeEnergy, ordinals } from "./spectrum";

export interface SpectrumSeries {
  readonly label: string;
  /** Singular values in descending order. */
  readonly values: Float64Array;
  readonly color?: string;
  /** Which colour, dash and shape, where it should not follow from the place in the list. */
  readonly style?: number;
}

export interface SpectrumChartProps {
  readonly series: readonly SpectrumSeries[];
  readonly title?: string;
  readonly size?: "large" | "small";
  /** Under which key of the page's state the choice of scale is kept. */
  readonly stateKey?: string;
  readonly onCopy?: ((text: string, what: string) => void) | undefined;
  readonly onSavePicture?: SavePicture | undefined;
}

interface SpectrumViewState {
  readonly shows: "values" | "energy";
  readonly logarithmic: boolean;
}

const startViewState: SpectrumViewState = { shows: "values", logarithmic: false };

/** A spectrum has no latest value; what counts is the first, and how soon the energy is together. */
function wordsFor(values: readonly Float64Array[]): SeriesWords {
  const facts = ({ key }: ChartSeries) => {
    const sigma = values[Number(key)] ?? new Float64Array();
    const needed = countForEnergy(sigma, energyShare);
    const energy = needed === undefined ? "" : ` · 90 % of the energy in ${needed} of ${sigma.length}`;
    return sigma.length === 0 ? "no values" : `σ₁ ${formatNumber(sigma[0] ?? 0, 4)}${energy}`;
  };
  return { short: facts, sentence: (series) => `${series.label}: ${facts(series)}.` };
}

const energyShare = 0.9;
const energyRange = { min: 0, max: 1 };

/** Singular values over each other: as they are, or as the share of the energy that the first k hold. */
export function SpectrumChart(props: SpectrumChartProps) {
  const { series, title = "Singular values of ΔW", size = "large", stateKey = "spectrum", onCopy } = props;
  const [place, change] = usePersisted(stateKey, startViewState, viewStateFrom);
  const energy = place.shows === "energy";

  const lines = useMemo<ChartSeries[]>(
    () =>
      series.map(({ label, values, color, style }, index) => ({
        key: String(index),
        label,
        x: ordinals(values.length),
        y: energy ? cumulativeEnergy(values) : values,
        style: style ?? index,
        ...(color === undefined ? {} : { color }),
      })),
    [series, energy],
  );

  const words = useMemo(() => wordsFor(series.map(({ values }) => values)), [series]);

  // A linear axis from zero: how much of a spectrum is next to nothing is what it is looked at for.
  const valueRange = useMemo(
    () => ({ min: 0, max: 1.05 * Math.max(0, ...series.flatMap(({ values }) => values[0] ?? 0)) || 1 }),
    [series],
  );

  return (
    <LineChart
      words={words}
      title={energy ? "Energy kept by the first k" : title}
      series={lines}
      xLabel="k"
      integerX
      size={size}
      logarithmic={!energy && place.logarithmic}
      onCopy={onCopy}
      onSavePicture={props.onSavePicture}
      {...(energy ? { yRange: energyRange, formatY: formatEnergy } : {})}
      {...(energy || place.logarithmic ? {} : { yRange: valueRange })}
      actions={
        <>
          <fieldset class="segments" aria-label="What the chart shows">
            <button
              type="button"
              class="chip"
              aria-pressed={!energy}
              title="Singular values σ, in descending order"
              onClick={() => change({ shows: "values" })}
            >
              σ
            </button>
            <button
              type="button"
              class="chip"
              aria-pressed={energy}
              title="Share of Σσ² in the first k singular values"
              onClick={() => change({ shows: "energy" })}
            >
              Energy
            </button>
          </fieldset>
          <button
            type="button"
            class="chip"
            aria-pressed={place.logarithmic && !energy}
            disabled={energy}
            title="Logarithmic axis"
            onClick={() => change({ logarithmic: !place.logarithmic })}
          >
            Log
          </button>
        </>
      }
    />
  );
}

function formatEnergy(share: number): string {
  return `${Number((share * 100).toPrecision(4))} %`;
}

function viewStateFrom(saved: Partial<SpectrumViewState>): SpectrumViewState {
  return {
    shows: saved.shows === "energy" ? "energy" : "values",
    logarithmic: saved.logarithmic === true,
  };
}
