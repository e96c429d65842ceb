import { useMemo, useState } from "preact/hooks";
import type { ValueHistogram } from "../../src/core/analysis/tensorNumbers";
import type { ShownRow } from "../../src/core/diff/alignedChunk";
import type { ChangedElement, DiffDetail } from "../../src/core/diff/diffDetail";
import type { CompareView } from "../../src/core/lora/compareView";
import { formatCount, formatNumber, formatShare, plural } from "../../src/core/text/quantities";
import { LineChart } from "../charts/lineChart";
import { Button, Dropdown } from "../ui/controls";
import { Icon } from "../ui/icon";
import { safeText } from "../ui/safeText";
import { ErrorState, Loading } from "../ui/states";
import { formatCosine } from "./compareFormat";
import type { CompareModel } from "./compareModel";

export interface DiffPaneProps {
  readonly model: CompareModel;
  readonly view: CompareView;
}

/** The selected tensor in two snapshots: how its values differ, and where they begin to. */
export function DiffPane({ model, view }: DiffPaneProps) {
  const { diff } = model;
  const chosen = diff.selected.value;
  const detail = diff.detail.value;
  const row = chosen === undefined ? undefined : diff.rows.value?.[chosen.row];
  const pair = chosen === undefined ? undefined : diff.table.pairs[chosen.pair];
  if (chosen === undefined || row === undefined || pair === undefined || detail === undefined) return null;
  const copy = (text: string, what: string) => model.host.notify("copy", { text, what });
  const label = (column: number) => safeText(view.columns[column]?.label ?? "");
  return (
    <section class="module-detail" aria-label="Differences of the tensor">
      <div class="module-detail-head">
        <h2 class="mono wrap">{safeText(row.name)}</h2>
        <Button look="icon" label="Copy the tensor's name" onClick={() => copy(row.name, "tensor name")}>
          <Icon name="copy" />
        </Button>
        <Button look="icon" label="Close details" onClick={() => diff.select(undefined)}>
          <Icon name="close" />
        </Button>
      </div>
      {diff.table.pairs.length > 1 ? (
        <Dropdown
          label="Which two snapshots"
          value={String(chosen.pair)}
          options={diff.table.pairs.map(({ a, b }, at) => ({
            value: String(at),
            label: `${label(a)} → ${label(b)}`,
          }))}
          onChange={(value) => diff.select(chosen.row, Number(value))}
        />
      ) : (
        <p class="dim">{`${label(pair.a)} → ${label(pair.b)}`}</p>
      )}
      <Layouts row={row} view={view} />
      {row.tiedTo !== undefined && (
        <p class="dim">{`Tied: one of the snapshots keeps it as ${safeText(row.tiedTo)}.`}</p>
      )}
      {detail.status === "loading" ? (
        <Loading label="Reading the two tensors…" />
      ) : detail.status === "failed" ? (
        <ErrorState what="The tensors could not be compared." where={detail.error.message} />
      ) : (
        <Differences detail={detail.detail} row={row} onCopy={copy} />
      )}
    </section>
  );
}

function Layouts({ row, view }: { readonly row: ShownRow; readonly view: CompareView }) {
  return (
    <table class="key-value-table plain" aria-label="Layouts">
      <tbody>
        {view.columns.map(({ path, label }, at) => (
          <tr key={path}>
            <th scope="row">{safeText(label)}</th>
            <td class={row.layouts[at] === null ? "dim" : ""}>{safeText(row.layouts[at] ?? "not there")}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface DifferencesProps {
  readonly detail: DiffDetail;
  readonly row: ShownRow;
  readonly onCopy: (text: string, what: string) => void;
}

function Differences({ detail, row, onCopy }: DifferencesProps) {
  const { difference, firstChanges, note } = detail;
  if (difference === undefined) {
    const reason = row.transposed
      ? "The shapes are those of a matrix and its transpose; they are not compared by value."
      : "Tensors of other shapes, or of types whose values are no numbers, have no differences.";
    return <p class="dim">{reason}</p>;
  }
  const numbers: readonly (readonly [string, string])[] = [
    ["Relative L2", formatNumber(difference.relativeL2, 6)],
    ["Max |Δ|", formatNumber(difference.maxAbs, 6)],
    ["Mean |Δ|", formatNumber(difference.meanAbs, 6)],
    ["Cosine", Number.isNaN(difference.cosine) ? "–" : formatCosine(difference.cosine)],
    ["Changed", `${formatShare(difference.changedShare)} of ${plural(difference.elements, "value")}`],
    ["‖a‖, ‖b − a‖", `${formatNumber(difference.normA, 5)}, ${formatNumber(difference.normDifference, 5)}`],
    ["NaN or infinite in one only", formatCount(difference.nanMismatches)],
  ];
  return (
    <>
      {note !== undefined && <p class="dim">{safeText(note)}</p>}
      <table class="key-value-table plain" aria-label="Differences">
        <tbody>
          {numbers.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="number">{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {difference.changedShare > 0 && difference.histogram !== undefined && (
        <DifferenceHistogram histogram={difference.histogram} onCopy={onCopy} />
      )}
      {firstChanges.length > 0 && <FirstChanges changes={firstChanges} />}
    </>
  );
}

interface DifferenceHistogramProps {
  readonly histogram: ValueHistogram;
  readonly onCopy: DifferencesProps["onCopy"];
}

/** Counts over the middles of the bins. Most values hardly change, which a logarithmic axis does not hide. */
function DifferenceHistogram({ histogram, onCopy }: DifferenceHistogramProps) {
  const [logarithmic, setLogarithmic] = useState(true);
  const series = useMemo(() => {
    const { from, to, counts } = histogram;
    const width = (to - from) / counts.length;
    const x = Float64Array.from(counts, (_, bin) => from + (bin + 0.5) * width);
    return [{ key: "count", label: "Values in the bin", x, y: Float64Array.from(counts), style: 0 }];
  }, [histogram]);
  const largest = useMemo(
    () => histogram.counts.reduce((most, count) => Math.max(most, count), 1),
    [histogram],
  );
  const words = useMemo(
    () => ({
      short: () => plural(histogram.counts.length, "bin"),
      sentence: () =>
        `${plural(histogram.counts.length, "bin")} from ${formatNumber(histogram.from)} to ${formatNumber(histogram.to)}; the fullest has ${formatCount(largest)} values.`,
    }),
    [histogram, largest],
  );
  return (
    <LineChart
      title="Histogram of the difference"
      series={series}
      xLabel="b − a"
      size="small"
      formatX={(value) => formatNumber(value, 4)}
      formatY={formatCount}
      logarithmic={logarithmic}
      words={words}
      {...(logarithmic ? {} : { yRange: { min: 0, max: 1.05 * largest } })}
      onCopy={onCopy}
      actions={
        <button
          type="button"
          class="chip"
          aria-pressed={logarithmic}
          title="Logarithmic counts"
          onClick={() => setLogarithmic(!logarithmic)}
        >
          Log
        </button>
      }
    />
  );
}

function FirstChanges({ changes }: { readonly changes: readonly ChangedElement[] }) {
  return (
    <table class="diff-changes" aria-label="First values that differ">
      <thead>
        <tr>
          <th scope="col">First differences at</th>
          <th scope="col" class="cell-end">
            a
          </th>
          <th scope="col" class="cell-end">
            b
          </th>
          <th scope="col" class="cell-end">
            b − a
          </th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ index, a, b }) => (
          <tr key={index.join()}>
            <th scope="row" class="number">{`[${index.join(", ")}]`}</th>
            <td class="number cell-end">{formatNumber(a, 5)}</td>
            <td class="number cell-end">{formatNumber(b, 5)}</td>
            <td class="number cell-end">{formatNumber(b - a, 4)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
