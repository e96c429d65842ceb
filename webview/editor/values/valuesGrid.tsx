import { useCallback } from "preact/hooks";
import { formatCell, type ValueFormat, widestText } from "../../../src/core/values/formatValue";
import type { SliceSize } from "../../../src/core/values/tensorSlice";
import type { ValueDtype } from "../../../src/core/values/valueDtype";
import type { GridBlock } from "../../ui/grid/gridCell";
import { columnWidthFor, VirtualGrid } from "../../ui/grid/virtualGrid";
import type { BlockCache } from "./blockCache";
import type { ValuesModel } from "./valuesModel";

export interface ValuesGridProps {
  readonly label: string;
  readonly values: ValuesModel;
  readonly cache: BlockCache;
  readonly size: SliceSize;
  readonly dtype: ValueDtype;
  readonly corner: string;
  readonly onCopy: () => void;
}

/** The values of a slice of any size: only what is seen is read. */
export function ValuesGrid({ label, values, cache, size, dtype, corner, onCopy }: ValuesGridProps) {
  const format = values.format.value;
  const onSeen = useCallback((block: GridBlock) => cache.request(block), [cache]);
  void cache.version.value;
  return (
    <VirtualGrid
      label={label}
      rows={size.rows}
      columns={size.columns}
      columnWidth={columnWidthFor(widestText(format, dtype))}
      cell={(row, column) => <CellText {...{ cache, row, column, format, dtype }} />}
      corner={corner}
      active={values.cell.value}
      anchor={values.anchor.value}
      onMove={(cell, extend) => values.moveTo(cell, extend)}
      onSelectAll={() => values.select({ row: 0, column: 0, ...size })}
      onCopy={onCopy}
      onSeen={onSeen}
      reveal={values.reveal.value}
      initialOffset={values.offset}
      onScroll={(offset) => values.rememberOffset(offset)}
    />
  );
}

interface CellTextProps {
  readonly cache: BlockCache;
  readonly row: number;
  readonly column: number;
  readonly format: ValueFormat;
  readonly dtype: ValueDtype;
}

function CellText({ cache, row, column, format, dtype }: CellTextProps) {
  const found = cache.at(row, column);
  if (found === undefined) return <span class="dim">·</span>;
  const text = formatCell(found.block, found.at, found.exactDigits, format, dtype);
  const value = found.block.values[found.at] ?? 0;
  // Zeros are many where something was pruned, and should not drown the others.
  const isZero = value === 0 && found.block.imaginary === undefined;
  const tone = isZero ? "dim" : Number.isFinite(value) ? undefined : "error";
  return <span class={tone}>{text}</span>;
}
