import { useState } from "preact/hooks";
import { formatCount } from "../../../src/core/text/quantities";
import {
  fixedAxes,
  type TensorSlice,
  transposed,
  withAxis,
  withIndex,
} from "../../../src/core/values/tensorSlice";
import { Button, Dropdown, TextField } from "../../ui/controls";
import { Icon } from "../../ui/icon";

export interface SliceBarProps {
  readonly shape: readonly number[];
  readonly slice: TensorSlice;
  readonly onChange: (slice: TensorSlice) => void;
}

/** Which axes are laid out, and which index of every other one is shown. Of a matrix there is only one choice. */
export function SliceBar({ shape, slice, onChange }: SliceBarProps) {
  if (shape.length < 1) return null;
  const turn = (
    <Button look="icon" label="Swap rows and columns" onClick={() => onChange(transposed(slice))}>
      <Icon name="swap" />
    </Button>
  );
  if (shape.length < 3) return <span class="slice-bar">{turn}</span>;
  return (
    <span class="slice-bar">
      <AxisChoice {...{ shape, slice, onChange }} place="rowAxis" label="Rows" />
      {turn}
      <AxisChoice {...{ shape, slice, onChange }} place="columnAxis" label="Columns" />
      {fixedAxes(shape, slice).map((axis) => (
        <IndexField
          key={axis}
          axis={axis}
          size={shape[axis] ?? 1}
          index={slice.indexes[axis] ?? 0}
          onChange={(index) => onChange(withIndex(slice, axis, index))}
        />
      ))}
    </span>
  );
}

interface AxisChoiceProps extends SliceBarProps {
  readonly place: "rowAxis" | "columnAxis";
  readonly label: string;
}

function AxisChoice({ shape, slice, onChange, place, label }: AxisChoiceProps) {
  return (
    <span class="slice-part">
      <span class="dim">{label}</span>
      <Dropdown
        label={`${label}: axis`}
        class="slice-axis"
        value={String(slice[place])}
        options={shape.map((size, axis) => ({
          value: String(axis),
          label: `axis ${axis} · ${formatCount(size)}`,
        }))}
        onChange={(axis) => onChange(withAxis(slice, place, Number(axis)))}
      />
    </span>
  );
}

interface IndexFieldProps {
  readonly axis: number;
  readonly size: number;
  readonly index: number;
  readonly onChange: (index: number) => void;
}

/** Taken over as it is typed, as soon as it is an index; Up and Down go to the next. */
function IndexField({ axis, size, index, onChange }: IndexFieldProps) {
  const [typed, setTyped] = useState<string>();
  const isWrong = typed !== undefined && indexOf(typed, size) === undefined;
  const step = (by: number) => {
    setTyped(undefined);
    onChange(Math.min(size - 1, Math.max(0, index + by)));
  };
  return (
    <span class="slice-part">
      <span class="dim">{`axis ${axis}`}</span>
      <TextField
        class="slice-index"
        label={`Index on axis ${axis}, 0 to ${size - 1}`}
        value={typed ?? String(index)}
        invalid={isWrong}
        onInput={(text) => {
          const wanted = indexOf(text, size);
          setTyped(wanted === undefined ? text : undefined);
          if (wanted !== undefined && wanted !== index) onChange(wanted);
        }}
        onKeyDown={(event) => {
          if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
          event.preventDefault();
          step(event.key === "ArrowUp" ? 1 : -1);
        }}
      />
      <span class="dim number">{`of ${formatCount(size)}`}</span>
    </span>
  );
}

function indexOf(text: string, size: number): number | undefined {
  const index = /^\s*\d{1,15}\s*$/.test(text) ? Number(text) : Number.NaN;
  return index < size ? index : undefined;
}
