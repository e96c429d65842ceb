import "../common";
import type { CompareView } from "../../../src/core/compare/compareView";
import type { ShownRow } from "../../../src/core/compare/tensors/alignedChunk";
import type { ChangedElement, DiffDetail } from "../../../src/core/compare/tensors/diffDetail";
import { formatCount, formatNumber, formatShare, plural } from "../../../src/core/text/quantities";
import { HistogramChart } from "../../charts/histogramChart";
import { Button, Dropdown } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import { ErrorState, Loading } from "../../ui/states";
import { formatCosine } from "../compareFormat";
import type { CompareModel } from "../compareModel";

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
  const { copy } = model;
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
        <HistogramChart
          title="Histogram of the difference"
          xLabel="b − a"
          histogram={difference.histogram}
          // Most values hardly change, which a logarithmic axis does not hide.
          logarithmicAtFirst
          onCopy={onCopy}
        />
      )}
      {firstChanges.length > 0 && <FirstChanges changes={firstChanges} />}
    </>
  );
}

function FirstChanges({ changes }: { readonly changes: readonly ChangedElement[] }) {
  return (
    <table class="plain-table diff-changes" aria-label="First values that differ">
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
