import { useEffect, useMemo, useState } from "preact/hooks";
import { formatBytes, formatNumber, plural } from "../../../src/core/text/quantities";
import { type HeatMap, valuesOfCell } from "../../../src/core/values/heatMap";
import {
  fittingSlice,
  type SliceBlock,
  sliceSize,
  sliceText,
  type TensorSlice,
} from "../../../src/core/values/tensorSlice";
import { type ValueDtype, valueDtype } from "../../../src/core/values/valueDtype";
import { chartTheme } from "../../charts/chartTheme";
import { Button } from "../../ui/controls";
import { blockBetween, type GridCell } from "../../ui/gridCell";
import { HeatCanvas } from "../../ui/heatCanvas";
import { safeName } from "../../ui/safeText";
import { Banner, Empty, Progress } from "../../ui/states";
import type { EditorModel } from "../editorModel";
import { OnDemand } from "../onDemand";
import type { LoadedTensors } from "../tensors/tensorDirectory";
import { SliceBar } from "../values/sliceBar";
import { type ColorLimit, colorLimit, heatScale, parseCssColor, type Rgb } from "./heatColors";

export interface HeatMapPaneProps {
  readonly model: EditorModel;
  readonly loaded: LoadedTensors;
  readonly row: number;
}

/** Pictures of slices up to here are made without being asked for. */
const madeAtOnceBytes = 64_000_000;

type Shows = "mean" | "absMax";

/** The tensor as a picture: every cell is the mean, or the largest magnitude, of a block of values. */
export function HeatMapPane({ model, loaded, row }: HeatMapPaneProps) {
  const { table } = loaded;
  const dtype = valueDtype(table.dtype(row));
  if (dtype === undefined) return <Empty title="Values of this type are not shown." />;
  if (table.parameters(row) === 0) return <Empty title="The tensor has no values." />;
  return <Picture {...{ model, loaded, row, dtype }} key={`${row} ${table.name(row)}`} />;
}

function Picture({ model, loaded, row, dtype }: HeatMapPaneProps & { readonly dtype: ValueDtype }) {
  const { table } = loaded;
  const { values } = model.tensors;
  const shape = table.shape(row);
  const kept = values.slice.value;
  const slice = useMemo(() => fittingSlice(shape, kept), [shape, kept]);
  const size = sliceSize(shape, slice);
  const [part, setPart] = useState<SliceBlock>({ row: 0, column: 0, ...size });
  const [shows, setShows] = useState<Shows>("mean");
  const tensor = { row, name: table.name(row) };
  const picture = useMemo(
    () =>
      new OnDemand<HeatMap>((...wanted) => model.host.call("heatMap", { tensor, slice, part }, ...wanted)),
    [table, slice, part],
  );
  const bytes = (part.rows * part.columns * dtype.bitsPerValue) / 8;
  useEffect(() => {
    if (bytes <= madeAtOnceBytes) picture.ensureLoaded();
    return () => picture.cancel();
  }, [picture]);
  const answer = picture.answer.value;
  const whole = { row: 0, column: 0, ...size };
  const isPart = part.rows < size.rows || part.columns < size.columns;
  return (
    <div class="heat-map">
      <div class="toolbar">
        <SliceBar
          shape={shape}
          slice={slice}
          onChange={(next) => {
            values.layOut(next);
            setPart({ row: 0, column: 0, ...sliceSize(shape, next) });
          }}
        />
        <fieldset class="segments" aria-label="What the picture shows">
          {(["mean", "absMax"] as const).map((each) => (
            <button
              key={each}
              type="button"
              class="chip"
              aria-pressed={shows === each}
              onClick={() => setShows(each)}
            >
              {each === "mean" ? "Mean" : "Abs max"}
            </button>
          ))}
        </fieldset>
        {isPart && <Button onClick={() => setPart(whole)}>Whole slice</Button>}
      </div>
      {answer.status === "ready" ? (
        <ReadyPicture
          {...{ model, slice, shows }}
          map={answer.value}
          label={`Picture of ${safeName(tensor.name)} ${sliceText(slice)}`}
          onZoom={setPart}
        />
      ) : answer.status === "failed" ? (
        <Banner tone="error" action={{ label: "Try again", onClick: () => void picture.ask() }}>
          {`The picture could not be made. ${answer.error.message}`}
        </Banner>
      ) : answer.status === "waiting" ? (
        <Progress
          label="Reading rows:"
          done={picture.progress.value?.done}
          total={picture.progress.value?.total}
          onCancel={() => picture.cancel()}
        />
      ) : (
        <div class="button-row">
          <Button onClick={() => void picture.ask()}>{`Draw (reads ${formatBytes(bytes)})`}</Button>
        </div>
      )}
    </div>
  );
}

interface ReadyPictureProps {
  readonly model: EditorModel;
  readonly slice: TensorSlice;
  readonly map: HeatMap;
  readonly shows: Shows;
  readonly label: string;
  readonly onZoom: (part: SliceBlock) => void;
}

function ReadyPicture({ model, slice, map, shows, label, onZoom }: ReadyPictureProps) {
  const theme = chartTheme().value;
  const scale = useMemo(() => heatScale(theme, parseCssColor), [theme]);
  const cells = shows === "mean" ? map.mean : map.absMax;
  const colors = useMemo(() => colorLimit(cells), [cells]);
  const [chosen, setChosen] = useState<{ readonly cell: GridCell; readonly anchor: GridCell }>({
    cell: { row: 0, column: 0 },
    anchor: { row: 0, column: 0 },
  });
  const colorAt = useMemo(
    () =>
      (at: number): Rgb => {
        if ((map.notFinite[at] ?? 0) > 0) return scale.notFinite;
        return scale.at(colors.limit > 0 ? (cells[at] ?? 0) / colors.limit : 0);
      },
    [map, cells, colors, scale],
  );
  const block = blockOf(map, chosen.cell, chosen.anchor);
  const at = chosen.cell.row * map.cellColumns + chosen.cell.column;
  const showValues = () => {
    model.tensors.values.layOut(slice);
    model.tensors.values.select(block);
    model.tensors.detailPart.value = "values";
  };
  return (
    <>
      <HeatCanvas
        label={label}
        rows={map.cellRows}
        columns={map.cellColumns}
        colorAt={colorAt}
        cell={chosen.cell}
        anchor={chosen.anchor}
        text={`${placeText(block)}: ${cellText(map, at)}`}
        onChoose={(cell, extend) => setChosen({ cell, anchor: extend ? chosen.anchor : cell })}
        onOpen={showValues}
      />
      <Legend colors={colors} isSigned={shows === "mean"} colorOf={scale.at} notFinite={scale.notFinite} />
      <p class="heat-reading number" role="status">
        <span class="dim">{placeText(block)}</span> {cellText(map, at)}
      </p>
      <div class="button-row">
        <Button onClick={showValues}>Show values</Button>
        <Button disabled={block.rows * block.columns < 4} onClick={() => onZoom(block)}>
          Zoom to block
        </Button>
      </div>
    </>
  );
}

/** The values under all cells from one to another. */
function blockOf(map: HeatMap, a: GridCell, b: GridCell): SliceBlock {
  const cells = blockBetween(a, b);
  const first = valuesOfCell(map, cells.row, cells.column);
  const last = valuesOfCell(map, cells.row + cells.rows - 1, cells.column + cells.columns - 1);
  return {
    row: first.row,
    column: first.column,
    rows: last.row + last.rows - first.row,
    columns: last.column + last.columns - first.column,
  };
}

function placeText({ row, column, rows, columns }: SliceBlock): string {
  const span = (noun: string, first: number, count: number) =>
    count === 1 ? `${noun} ${first}` : `${noun}s ${first} to ${first + count - 1}`;
  return `${span("row", row, rows)}, ${span("column", column, columns)}`;
}

function cellText(map: HeatMap, at: number): string {
  const broken = map.notFinite[at] ?? 0;
  const wrong = broken > 0 ? `, ${plural(broken, "value")} not finite` : "";
  return `mean ${formatNumber(map.mean[at] ?? Number.NaN, 4)}, abs max ${formatNumber(map.absMax[at] ?? Number.NaN, 4)}${wrong}`;
}

interface LegendProps {
  readonly colors: ColorLimit;
  readonly isSigned: boolean;
  readonly colorOf: (share: number) => Rgb;
  readonly notFinite: Rgb;
}

const legendSteps = 33;

function Legend({ colors, isSigned, colorOf, notFinite }: LegendProps) {
  const { limit, largest } = colors;
  const from = isSigned ? -1 : 0;
  const isCut = largest > limit;
  return (
    <div class="heat-legend">
      <span class="number">{`${isCut && isSigned ? "≤ " : ""}${formatNumber(from * limit, 3)}`}</span>
      <svg class="heat-bar" viewBox={`0 0 ${legendSteps} 1`} preserveAspectRatio="none" aria-hidden="true">
        {Array.from({ length: legendSteps }, (_, step) => (
          <rect
            key={step}
            x={step}
            width={1.05}
            height={1}
            fill={css(colorOf(from + ((1 - from) * step) / (legendSteps - 1)))}
          />
        ))}
      </svg>
      <span class="number">{`${isCut ? "≥ " : ""}${formatNumber(limit, 3)}`}</span>
      {isCut && <span class="dim number">{`largest ${formatNumber(largest, 3)}`}</span>}
      <svg class="heat-swatch" viewBox="0 0 1 1" aria-hidden="true">
        <rect width={1} height={1} fill={css(notFinite)} />
      </svg>
      <span>NaN, Inf</span>
    </div>
  );
}

function css([red, green, blue]: Rgb): string {
  return `rgb(${Math.round(red)} ${Math.round(green)} ${Math.round(blue)})`;
}
