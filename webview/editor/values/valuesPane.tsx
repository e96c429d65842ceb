import { useEffect, useId, useMemo, useState } from "preact/hooks";
import { formatCount, plural } from "../../../src/core/text/quantities";
import { formatCell } from "../../../src/core/values/formatValue";
import {
  cellIndex,
  fittingSlice,
  type SliceSize,
  sliceSize,
  sliceText,
  type TensorSlice,
} from "../../../src/core/values/tensorSlice";
import { type ValueDtype, valueDtype } from "../../../src/core/values/valueDtype";
import { Button, TextField } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeName, safeText } from "../../ui/safeText";
import { Banner, Empty } from "../../ui/states";
import type { EditorModel } from "../editorModel";
import type { LoadedTensors } from "../tensors/tensorDirectory";
import { BlockCache } from "./blockCache";
import { copySelection, maxCopiedValues } from "./copySelection";
import { parseGoTo } from "./goTo";
import { NextNotFinite } from "./nextNotFinite";
import { PackedChoice, type ShownTensor, useShownTensor } from "./shownTensor";
import { SliceBar } from "./sliceBar";
import { ValuesGrid } from "./valuesGrid";
import type { ValuesModel } from "./valuesModel";

export interface ValuesPaneProps {
  readonly model: EditorModel;
  readonly loaded: LoadedTensors;
  readonly row: number;
}

/** The values of the selected tensor, read as they are scrolled to. */
export function ValuesPane({ model, loaded, row }: ValuesPaneProps) {
  const { table } = loaded;
  const shown = useShownTensor(model, loaded, row);
  if (shown === undefined) return null;
  const { dtype } = shown;
  if (dtype === undefined) {
    return (
      <Empty title={`Values of the type ${safeText(table.dtype(row))} are not shown.`}>
        <p>
          Nothing here knows how to read them as numbers. The bytes can still be copied by name in Python.
        </p>
      </Empty>
    );
  }
  if (table.elements(row) === 0)
    return <Empty title="The tensor has no values: one of its axes is 0 long." />;
  return <SomeValues {...{ model, loaded, row, shown, dtype }} />;
}

interface SomeValuesProps extends ValuesPaneProps {
  readonly shown: ShownTensor;
  readonly dtype: ValueDtype;
}

function SomeValues({ model, loaded, row, shown, dtype }: SomeValuesProps) {
  const { values } = model.tensors;
  const { table } = loaded;
  const { place, shape } = shown;
  const kept = values.slice.value;
  const slice = useMemo(() => fittingSlice(shape, kept), [shape, kept]);
  const size = sliceSize(shape, slice);
  const cache = useMemo(
    () =>
      new BlockCache(size, (block, wanted) =>
        model.host.call("values", { tensor: place, slice, block }, wanted),
      ),
    [place, slice],
  );
  useEffect(() => () => cache.dispose(), [cache]);
  useEffect(() => keepInside(values, slice, size), [slice]);
  const failure = cache.failure.value;

  const copy = () =>
    void copySelection(model.host, place, slice, values.selection.value, dtype).catch((error: Error) => {
      cache.failure.value = error;
    });
  return (
    <div class="values">
      <div class="toolbar values-toolbar">
        <SliceBar shape={shape} slice={slice} onChange={(next) => values.layOut(next)} />
        <GoToField {...{ values, shape, slice, size }} />
        <FormatChoice values={values} dtype={dtype} />
        {(dtype.kind === "float" || dtype.kind === "complex") && (
          <NextNotFinite host={model.host} tensor={place} {...{ shape, slice, values }} />
        )}
        <Button
          look="icon"
          label="Export this slice as CSV…"
          onClick={() => model.host.notify("exportSlice", { tensor: place, slice })}
        >
          <Icon name="export" />
        </Button>
      </div>
      <PackedChoice shown={shown} hasCodes={valueDtype(table.dtype(row)) !== undefined} />
      {dtype.note !== undefined && <p class="dim values-note">{dtype.note}</p>}
      {failure !== undefined && (
        <Banner tone="error" action={{ label: "Try again", onClick: () => cache.retry() }}>
          {`The values could not be read. ${safeText(failure.message)}`}
        </Banner>
      )}
      <ValuesGrid
        label={`Values of ${safeName(place.name)} ${sliceText(slice)}`}
        values={values}
        cache={cache}
        size={size}
        dtype={dtype}
        corner={cornerText(slice)}
        onCopy={copy}
      />
      <ActiveValue {...{ values, cache, slice, dtype, shape }} onCopy={copy} />
    </div>
  );
}

function cornerText({ rowAxis, columnAxis }: TensorSlice): string {
  const parts = [
    rowAxis === undefined ? undefined : `rows are axis ${rowAxis}`,
    columnAxis === undefined ? undefined : `columns are axis ${columnAxis}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? "scalar" : parts.join(", ");
}

/** What was selected in the last tensor may lie outside of this one. */
function keepInside(values: ValuesModel, slice: TensorSlice, size: SliceSize): void {
  const clamp = ({ row, column }: { row: number; column: number }) => ({
    row: Math.min(row, size.rows - 1),
    column: Math.min(column, size.columns - 1),
  });
  if (values.slice.peek() !== slice) values.slice.value = slice;
  const [cell, anchor] = [clamp(values.cell.peek()), clamp(values.anchor.peek())];
  values.moveTo(anchor);
  values.moveTo(cell, true);
}

interface GoToFieldProps {
  readonly values: ValuesModel;
  readonly shape: readonly number[];
  readonly slice: TensorSlice;
  readonly size: SliceSize;
}

function GoToField({ values, shape, slice, size }: GoToFieldProps) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string>();
  const id = useId();
  const go = () => {
    const to = parseGoTo(text, shape, slice, size);
    setProblem(typeof to === "string" ? to : undefined);
    if (typeof to !== "string") values.goTo(to.cell, to.slice);
  };
  return (
    <span class="values-go">
      <TextField
        label="Go to row, column"
        placeholder={size.columns === 1 ? "Go to row" : "Go to row, column"}
        value={text}
        invalid={problem !== undefined}
        describedBy={problem === undefined ? undefined : id}
        onInput={(typed) => {
          setText(typed);
          setProblem(undefined);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") go();
        }}
      />
      {problem !== undefined && (
        <span class="error" id={id} role="alert">
          {problem}
        </span>
      )}
    </span>
  );
}

const formats = [
  { format: "decimal", label: "0.12", title: "Decimal: seven digits" },
  { format: "scientific", label: "1e-2", title: "Scientific: six digits and the exponent" },
  { format: "full", label: "Full", title: "All digits that tell the value from its neighbours" },
] as const;

/** Integers and truth values have one form only. */
function FormatChoice({ values, dtype }: { readonly values: ValuesModel; readonly dtype: ValueDtype }) {
  if (dtype.kind === "integer" || dtype.kind === "bool") return null;
  return (
    <fieldset class="segments" aria-label="Number format">
      {formats.map(({ format, label, title }) => (
        <button
          key={format}
          type="button"
          class="chip"
          title={title}
          aria-pressed={values.format.value === format}
          onClick={() => (values.format.value = format)}
        >
          {label}
        </button>
      ))}
    </fieldset>
  );
}

interface ActiveValueProps {
  readonly values: ValuesModel;
  readonly cache: BlockCache;
  readonly slice: TensorSlice;
  readonly dtype: ValueDtype;
  readonly shape: readonly number[];
  readonly onCopy: () => void;
}

/** The active value in full, with its place on all axes, and how much is selected. */
function ActiveValue({ values, cache, slice, dtype, shape, onCopy }: ActiveValueProps) {
  const { row, column } = values.cell.value;
  const selection = values.selection.value;
  void cache.version.value;
  const found = cache.at(row, column);
  const text = found && formatCell(found.block, found.at, found.exactDigits, "full", dtype);
  const count = selection.rows * selection.columns;
  const isMany = count > 1;
  const place = shape.length === 0 ? "" : `[${cellIndex(slice, row, column).join(", ")}]`;
  return (
    <div class="values-active">
      <span class="mono ellipsis">
        <span class="dim">{place}</span> <span class="strong">{text ?? "…"}</span>
      </span>
      {isMany && (
        <span class="dim number">
          {`${formatCount(selection.rows)} × ${formatCount(selection.columns)} selected`}
        </span>
      )}
      <Button
        look="icon"
        label={
          count > maxCopiedValues
            ? `At most ${formatCount(maxCopiedValues)} values can be copied; export the slice instead`
            : `Copy ${isMany ? plural(count, "value") : "the value"} (Ctrl+C)`
        }
        disabled={count > maxCopiedValues}
        onClick={onCopy}
      >
        <Icon name="copy" />
      </Button>
    </div>
  );
}
