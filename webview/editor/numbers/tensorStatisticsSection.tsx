import { useEffect } from "preact/hooks";
import type { TensorNumbers } from "../../../src/core/analysis/tensorNumbers";
import { elementCount } from "../../../src/core/tensors/tensor";
import { formatBytes, formatCount, formatNumber, formatShare } from "../../../src/core/text/quantities";
import { valueDtype } from "../../../src/core/values/valueDtype";
import type { TensorPlace } from "../../../src/protocol/numbersCalls";
import { HistogramChart } from "../../charts/histogramChart";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { Banner, Progress } from "../../ui/states";
import type { EditorModel } from "../editorModel";
import type { LoadedTensors } from "../tensors/tensorDirectory";
import { useShownTensor } from "../values/shownTensor";

export interface TensorStatisticsSectionProps {
  readonly model: EditorModel;
  readonly loaded: LoadedTensors;
  readonly row: number;
}

/** Tensors up to here are measured without being asked to: it takes some hundredths of a second. */
const measuredAtOnceBytes = 16_000_000;
/** Arrow keys pass over many tensors that nobody stops at. */
const settledMs = 200;

/** What the values of a tensor are like. Large ones are measured when the user says so. */
export function TensorStatisticsSection({ model, loaded, row }: TensorStatisticsSectionProps) {
  const { table } = loaded;
  const { measure, scan } = model;
  const measurement = measure.measurements.value.get(row);
  void scan.version.value;
  const bytes = table.byteSize(row);
  const shown = useShownTensor(model, loaded, row);
  const hasNumbers = shown?.dtype !== undefined && table.elements(row) > 0;
  const isCheap = bytes <= measuredAtOnceBytes || scan.table.value?.statistics(row) !== undefined;
  // Blocks of ggml are measured as the values that they mean in any case, and by all threads.
  const isUnpacked = shown?.packed !== undefined && valueDtype(table.dtype(row)) !== undefined;
  const place: TensorPlace = { row, name: table.name(row), ...(isUnpacked ? { unpacked: true } : {}) };
  useEffect(() => {
    if (!hasNumbers || !isCheap || measure.measurements.peek().get(row) !== undefined) return;
    const timer = setTimeout(() => void measure.measure(place), settledMs);
    return () => clearTimeout(timer);
  }, [table, row, isCheap, hasNumbers, isUnpacked]);
  useEffect(() => () => measure.cancel(), [table, row]);

  if (!hasNumbers) return null;
  return (
    <section class="statistics" aria-label="Statistics">
      <h3 class="section-title">
        {shown.packed === undefined ? "Statistics" : "Statistics of the dequantised values"}
      </h3>
      {measurement === undefined ? (
        !isCheap && (
          <div class="button-row">
            <Button
              onClick={() => void measure.measure(place)}
            >{`Compute (reads ${formatBytes(bytes)})`}</Button>
          </div>
        )
      ) : measurement.status === "measuring" ? (
        !isCheap && (
          <Progress
            label={`Reading ${formatBytes(bytes)}: `}
            unit={formatBytes}
            {...(measurement.total > 0 ? { done: measurement.done, total: measurement.total } : {})}
            onCancel={() => measure.cancel()}
          />
        )
      ) : measurement.status === "failed" ? (
        <Banner tone="error" action={{ label: "Try again", onClick: () => void measure.measure(place) }}>
          {`The tensor could not be measured. ${measurement.error.message}`}
        </Banner>
      ) : measurement.numbers === undefined ? (
        <p class="dim">Values of this type are no real numbers.</p>
      ) : (
        <Numbers
          model={model}
          numbers={measurement.numbers}
          count={elementCount(shown.packed?.shape ?? table.shape(row))}
          row={row}
        />
      )}
    </section>
  );
}

interface NumbersProps {
  readonly model: EditorModel;
  readonly numbers: TensorNumbers;
  readonly count: number;
  readonly row: number;
}

function Numbers({ model, numbers, count, row }: NumbersProps) {
  const { statistics, quantiles, histogram } = numbers;
  const outlier = model.scan.outliers.value.get(row);
  const rows: readonly (readonly [name: string, value: string, isWrong?: boolean])[] = [
    ["Mean", formatNumber(statistics.mean, 6)],
    ["Std", formatNumber(statistics.std, 6)],
    ["Min, max", `${formatNumber(statistics.min, 6)}, ${formatNumber(statistics.max, 6)}`],
    ["Abs max", formatNumber(statistics.absMax, 6)],
    ["L2 norm", formatNumber(statistics.l2, 6)],
    ["Zeros", countText(statistics.zeros, count)],
    ["NaN", countText(statistics.nan, count), statistics.nan > 0],
    ["Infinite", countText(statistics.inf, count), statistics.inf > 0],
  ];
  return (
    <>
      {outlier !== undefined && (
        <p>
          <Icon name="warning" class="warning" label="Outlier" /> {`Unlike other layers: ${outlier.reason}.`}
        </p>
      )}
      <table class="key-value-table plain" aria-label="Statistics">
        <tbody>
          {rows.map(([name, value, isWrong]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class={isWrong ? "number error" : "number"}>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {quantiles !== undefined && quantiles.length > 0 && (
        <table class="key-value-table plain" aria-label="Quantiles">
          <tbody>
            {quantiles.map(({ share, value }) => (
              <tr key={share}>
                <th scope="row">{`${Number((share * 100).toPrecision(6))} % are at most`}</th>
                <td class="number">{formatNumber(value, 6)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {histogram !== undefined && (
        <HistogramChart
          title="Histogram"
          xLabel="Value"
          histogram={histogram}
          logarithmicAtFirst={false}
          onCopy={(text, what) => model.host.notify("copy", { text, what })}
        />
      )}
    </>
  );
}

function countText(count: number, of: number): string {
  return count === 0 ? "0" : `${formatCount(count)} (${formatShare(count / of)})`;
}
