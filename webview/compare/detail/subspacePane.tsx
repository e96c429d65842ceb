import { useEffect, useMemo, useState } from "preact/hooks";
import type { CompareView, ModulePairDetail } from "../../../src/core/compare/compareView";
import { isAbortError } from "../../../src/protocol/channel";
import type { ChartSeries } from "../../charts/chartSeries";
import { LineChart, type SeriesWords } from "../../charts/lineChart";
import { ordinals } from "../../charts/spectrum";
import { Dropdown } from "../../ui/controls";
import { safeText } from "../../ui/safeText";
import { ErrorState, Loading } from "../../ui/states";
import { formatChange, formatCosine, formatShareOf } from "../compareFormat";
import { chartOutlets, type DetailProps, type ReadyDetail } from "./readyDetail";
import { SubspaceMap } from "./subspaceMap";

interface PairChoice {
  readonly id: string;
  readonly label: string;
  readonly first: string;
  readonly second: string;
  /** Columns when the details were asked for. */
  readonly a: number;
  readonly b: number;
}

/** The spaces that two updates read from and write to: how much they share, direction by direction. */
export function SubspacePane({ model, view, detail }: DetailProps) {
  const choices = useMemo(() => pairChoices(view, detail), [view, detail]);
  const chosen = choices.find(({ id }) => id === model.viewState.value.pair) ?? choices[0];
  const found = usePair(model, detail, chosen);
  if (chosen === undefined)
    return <p class="dim">No two snapshots have an update of this module that can be compared.</p>;
  const { first, second } = chosen;
  return (
    <>
      <Dropdown
        key={choices.map(({ id }) => id).join()}
        label="Which two snapshots"
        value={chosen.id}
        options={choices.map(({ id, label }) => ({ value: id, label: safeText(label) }))}
        onChange={(pair) => model.change({ pair })}
      />
      {found instanceof Error && (
        <ErrorState what="The spaces could not be computed." where={found.message} />
      )}
      {found === undefined && <Loading label="Computing the spaces…" />}
      {found !== undefined && !(found instanceof Error) && (
        <>
          <PairNumbers pair={found} />
          <SubspaceMap
            model={model}
            title="Input spaces"
            help="Right singular vectors: the directions that the module reads"
            map={found.input}
            first={first}
            second={second}
          />
          <SubspaceMap
            model={model}
            title="Output spaces"
            help="Left singular vectors: the directions that the module writes"
            map={found.output}
            first={first}
            second={second}
          />
          <Angles model={model} pair={found} />
        </>
      )}
    </>
  );
}

/** Each two snapshots that both have an update of the module. */
function pairChoices(view: CompareView, { module, paths, detail }: ReadyDetail): PairChoice[] {
  const row = view.modules.find((each) => each.module === module);
  const columns = paths.flatMap((path, index) => {
    const at = view.columns.findIndex((column) => column.path === path);
    const cell = row?.cells[at];
    const hasUpdate = cell !== undefined && cell !== null && cell.unavailable === undefined;
    return hasUpdate && detail.singularValues[index]
      ? [{ path, index, label: view.columns[at]?.label ?? "" }]
      : [];
  });
  return columns.flatMap((first, at) =>
    columns.slice(at + 1).map((second) => ({
      id: `${first.path}\n${second.path}`,
      label: `${first.label} and ${second.label}`,
      first: first.label,
      second: second.label,
      a: first.index,
      b: second.index,
    })),
  );
}

/** From the details where they have it; other pairs are asked for. Undefined while they are on their way. */
function usePair(
  model: DetailProps["model"],
  { module, detail }: ReadyDetail,
  choice: PairChoice | undefined,
): ModulePairDetail | Error | undefined {
  const [answer, setAnswer] = useState<{ readonly id: string; readonly pair: ModulePairDetail | Error }>();
  const known = detail.pairs?.find(({ a, b }) => a === choice?.a && b === choice?.b);
  const id = `${module}\n${choice?.id}`;
  useEffect(() => {
    if (choice === undefined || known !== undefined) return;
    const controller = new AbortController();
    model.host
      .call("modulePair", { module, a: choice.a, b: choice.b }, controller.signal)
      .then((pair) => setAnswer({ id, pair: pair ?? new Error("One of them has no update of this module.") }))
      .catch((error: unknown) => {
        if (!isAbortError(error)) setAnswer({ id, pair: error as Error });
      });
    return () => controller.abort();
  }, [id, known]);
  return known ?? (answer?.id === id ? answer.pair : undefined);
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
