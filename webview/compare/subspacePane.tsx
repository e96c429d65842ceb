import { useMemo } from "preact/hooks";
import type { ModulePairDetail } from "../../src/core/lora/compareView";
import type { ChartSeries } from "../charts/chartSeries";
import { LineChart, type SeriesWords } from "../charts/lineChart";
import { ordinals } from "../charts/spectrum";
import { Dropdown } from "../ui/controls";
import { safeText } from "../ui/safeText";
import { formatChange, formatCosine, formatShareOf } from "./compareFormat";
import { chartOutlets, type DetailProps } from "./readyDetail";
import { SubspaceMap } from "./subspaceMap";

interface ShownPair {
  readonly id: string;
  readonly label: string;
  readonly first: string;
  readonly second: string;
  readonly pair: ModulePairDetail;
}

/** The spaces that two updates read from and write to: how much they share, direction by direction. */
export function SubspacePane({ model, view, detail }: DetailProps) {
  const pairs = useMemo<ShownPair[]>(() => {
    const labelOf = (column: number) => view.columns.find(({ path }) => path === detail.paths[column])?.label;
    return (detail.detail.pairs ?? []).flatMap((pair) => {
      const [first, second] = [labelOf(pair.a), labelOf(pair.b)];
      if (first === undefined || second === undefined) return [];
      const id = `${detail.paths[pair.a]}\n${detail.paths[pair.b]}`;
      return [{ id, label: `${first} and ${second}`, first, second, pair }];
    });
  }, [view, detail]);
  const shown = pairs.find(({ id }) => id === model.place.value.pair) ?? pairs[0];
  if (shown === undefined)
    return <p class="dim">No two snapshots have an update of this module that can be compared.</p>;
  return (
    <>
      <Dropdown
        key={pairs.map(({ id }) => id).join()}
        label="Which two snapshots"
        value={shown.id}
        options={pairs.map(({ id, label }) => ({ value: id, label: safeText(label) }))}
        onChange={(pair) => model.change({ pair })}
      />
      <PairNumbers pair={shown.pair} />
      <SubspaceMap
        model={model}
        title="Input spaces"
        help="Right singular vectors: the directions that the module reads"
        map={shown.pair.input}
        first={shown.first}
        second={shown.second}
      />
      <SubspaceMap
        model={model}
        title="Output spaces"
        help="Left singular vectors: the directions that the module writes"
        map={shown.pair.output}
        first={shown.first}
        second={shown.second}
      />
      <Angles model={model} pair={shown.pair} />
    </>
  );
}

function PairNumbers({ pair }: { readonly pair: ModulePairDetail }) {
  const { relativeChange, cosine, energyKept, newShare, sameness, reason } = pair;
  const facts = [
    sameness === "bytes" ? "the same factors, byte for byte" : undefined,
    sameness === "gauge" ? "the same update in other factors" : undefined,
    relativeChange === undefined ? undefined : `ΔW changed by ${formatChange(relativeChange)}`,
    cosine === undefined ? undefined : `cosine ${formatCosine(cosine)}`,
    energyKept === undefined ? undefined : `${formatShareOf(energyKept)} of the energy kept`,
    newShare === undefined ? undefined : `${formatShareOf(newShare)} of the energy new`,
  ].filter((fact) => fact !== undefined);
  return <p class="pair-numbers">{safeText(reason ?? facts.join(" · "))}</p>;
}

const degrees = (radians: Float64Array) => radians.map((angle) => (angle * 180) / Math.PI);
const angleRange = { min: 0, max: 90 };

function Angles({ model, pair }: { readonly model: DetailProps["model"]; readonly pair: ModulePairDetail }) {
  const series = useMemo<ChartSeries[]>(() => {
    const line = (label: string, angles: Float64Array | undefined, style: number): ChartSeries[] =>
      angles === undefined || angles.length === 0
        ? []
        : [{ key: label, label, x: ordinals(angles.length), y: degrees(angles), style }];
    return [...line("Input spaces", pair.inputAngles, 0), ...line("Output spaces", pair.outputAngles, 1)];
  }, [pair]);
  if (series.length === 0) return null;
  return (
    <LineChart
      title="Principal angles"
      series={series}
      size="small"
      xLabel="k"
      integerX
      yRange={angleRange}
      formatY={formatDegrees}
      words={words}
      {...chartOutlets(model)}
    />
  );
}

function formatDegrees(angle: number): string {
  return `${Number(angle.toPrecision(4))}°`;
}

function shared({ y }: ChartSeries): string {
  const near = y.filter((angle) => angle < 45).length;
  return `${near} of ${y.length} directions within 45°, the largest angle ${formatDegrees(y.at(-1) ?? 0)}`;
}

const words: SeriesWords = {
  short: shared,
  sentence: (series) => `${series.label}: ${shared(series)}.`,
};
