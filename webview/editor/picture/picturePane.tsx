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
import { CellLegend } from "../../cells/cellLegend";
import { CellMap } from "../../cells/cellMap";
import { chartTheme } from "../../charts/chartTheme";
import { Button } from "../../ui/controls";
import { blockBetween, type GridCell } from "../../ui/grid/gridCell";
import { safeName } from "../../ui/safeText";
import { Banner, Empty, Progress } from "../../ui/states";
import type { EditorModel } from "../editorModel";
import { OnDemand } from "../onDemand";
import type { LoadedTensors } from "../tensors/tensorDirectory";
import { PackedChoice, type ShownTensor, useShownTensor } from "../values/shownTensor";
import { SliceBar } from "../values/sliceBar";
import { colorLimit, weightScale } from "./weightColors";

export interface PicturePaneProps {
  readonly model: EditorModel;
  readonly loaded: LoadedTensors;
  readonly row: number;
}

/** Pictures of slices up to here are made without being asked for. */
const madeAtOnceBytes = 64_000_000;

type Shows = "mean" | "absMax";

/** The tensor as a picture: every cell is the mean, or the largest magnitude, of a block of values. */
export function PicturePane({ model, loaded, row }: PicturePaneProps) {
  const { table } = loaded;
  const shown = useShownTensor(model, loaded, row);
  if (shown === undefined) return null;
  const { dtype, place } = shown;
  if (dtype === undefined) return <Empty title="Values of this type are not shown." />;
  if (table.elements(row) === 0) return <Empty title="The tensor has no values." />;
  return <Picture {...{ model, loaded, row, shown, dtype }} key={`${row} ${place.name} ${place.unpacked}`} />;
}

interface PictureProps extends PicturePaneProps {
  readonly shown: ShownTensor;
  readonly dtype: ValueDtype;
}

function Picture({ model, loaded, row, shown, dtype }: PictureProps) {
  const { table } = loaded;
  const { values } = model.tensors;
  const { shape, place: tensor } = shown;
  const kept = values.slice.value;
  const slice = useMemo(() => fittingSlice(shape, kept), [shape, kept]);
  const size = sliceSize(shape, slice);
  const [part, setPart] = useState<SliceBlock>({ row: 0, column: 0, ...size });
  const [shows, setShows] = useState<Shows>("mean");
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
    <div class="picture-pane">
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
      <PackedChoice shown={shown} hasCodes={valueDtype(table.dtype(row)) !== undefined} />
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
  const isSigned = shows === "mean";
  const cells = isSigned ? map.mean : map.absMax;
  const { limit, largest } = useMemo(() => colorLimit(cells), [cells]);
  const look = useMemo(() => weightScale(theme, limit, isSigned), [theme, limit, isSigned]);
  const { cellRows: rows, cellColumns: cols, notFinite } = map;
  const matrix = useMemo(
    () => ({
      rows,
      cols,
      values: Float64Array.from(cells, (value, at) => ((notFinite[at] ?? 0) > 0 ? Number.NaN : value)),
    }),
    [rows, cols, cells, notFinite],
  );
  const [{ cell, anchor }, setChosen] = useState<{ readonly cell: GridCell; readonly anchor: GridCell }>({
    cell: { row: 0, column: 0 },
    anchor: { row: 0, column: 0 },
  });
  const block = blockOf(map, cell, anchor);
  const reading = cellText(map, cell.row * cols + cell.column);
  const isCut = largest > limit;
  const showValues = () => {
    model.tensors.values.layOut(slice);
    model.tensors.values.select(block);
    model.tensors.detailPart.value = "values";
  };
  return (
    <>
      <CellMap
        class="picture-cells"
        shownAs="picture"
        label={label}
        description="Arrow keys move, with Shift they choose a block; Enter shows its values."
        rows={rows}
        cols={cols}
        panels={[{ key: "", matrix }]}
        look={look}
        text={`${placeText(block)}: ${reading}`}
        cursor={cell}
        start={cell}
        marked={blockBetween(cell, anchor)}
        drags
        onCursor={(next, extend) => next && setChosen({ cell: next, anchor: extend ? anchor : next })}
        onOpen={showValues}
      />
      <CellLegend
        look={look}
        format={(value) => {
          const isBeyond = isCut && Math.abs(value) === limit;
          return `${isBeyond ? (value < 0 ? "≤ " : "≥ ") : ""}${formatNumber(value, 3)}`;
        }}
        note={isCut ? `largest ${formatNumber(largest, 3)}` : undefined}
        hasBroken
        brokenWord="NaN, Inf"
      />
      <p class="number" role="status">
        <span class="dim">{placeText(block)}</span> {reading}
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
