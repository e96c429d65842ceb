import type { LayerOutlier } from "../../../src/core/analysis/layerOutliers";
import type { ScanColumn, ScanTable } from "../../../src/core/analysis/scanTable";
import { formatAligned, formatCount, formatNumber } from "../../../src/core/text/quantities";
import type { Column } from "../../ui/dataTable";
import { Icon } from "../../ui/icon";

interface NumberColumn {
  readonly id: ScanColumn;
  readonly title: string;
  readonly help: string;
  readonly givesWay: number;
}

/** The first ones stay the longest where the table is narrow. */
const numberColumnsShown: readonly NumberColumn[] = [
  { id: "mean", title: "Mean", help: "Mean of the finite values", givesWay: 7 },
  { id: "std", title: "Std", help: "Standard deviation of the finite values", givesWay: 1 },
  { id: "absMax", title: "Abs max", help: "Largest magnitude of the finite values", givesWay: 4 },
  { id: "min", title: "Min", help: "Least finite value", givesWay: 8 },
  { id: "max", title: "Max", help: "Largest finite value", givesWay: 8 },
  { id: "l2", title: "L2", help: "√Σx² of the finite values", givesWay: 10 },
  { id: "zeros", title: "Zeros", help: "Values that are exactly zero", givesWay: 9 },
  { id: "nan", title: "NaN", help: "Values that are not a number", givesWay: 3 },
  { id: "inf", title: "Inf", help: "Infinite values", givesWay: 6 },
];

export interface NumberCells {
  readonly table: ScanTable | undefined;
  readonly outliers: ReadonlyMap<number, LayerOutlier>;
  /** Row of the tensor table; undefined for a module. */
  readonly rowAt: (index: number) => number | undefined;
}

/** What a scan measured, as columns of either table. */
export function numberColumns(
  { table, outliers, rowAt }: NumberCells,
  sortable: boolean,
): readonly Column<ScanColumn>[] {
  const valueAt = (column: ScanColumn, index: number) => {
    const row = rowAt(index);
    return row === undefined ? undefined : table?.get(column, row);
  };
  return numberColumnsShown.map(({ id, title, help, givesWay }) => ({
    id,
    title,
    help,
    width: isCount(id) ? "68px" : "78px",
    align: "end",
    sortable,
    givesWay,
    cell: (index) => {
      const row = rowAt(index);
      const outlier = row === undefined ? undefined : outliers.get(row);
      return (
        <NumberCell
          column={id}
          value={valueAt(id, index)}
          outlier={outlier?.metric === id ? outlier : undefined}
        />
      );
    },
    text: (index) => {
      const value = valueAt(id, index);
      return value === undefined ? "" : String(value);
    },
  }));
}

interface NumberCellProps {
  readonly column: ScanColumn;
  readonly value: number | undefined;
  readonly outlier: LayerOutlier | undefined;
}

function NumberCell({ column, value, outlier }: NumberCellProps) {
  if (value === undefined) return null;
  if (isCount(column)) {
    const tone = value === 0 ? "dim" : column === "zeros" ? undefined : "error";
    return <span class={tone}>{value < 1e6 ? formatCount(value) : formatNumber(value, 3)}</span>;
  }
  if (outlier === undefined) return <>{formatAligned(value, 4)}</>;
  return (
    <span class="outlier" title={outlier.reason}>
      <Icon name="warning" class="warning" label={`Outlier: ${outlier.reason}`} />
      {formatAligned(value, 4)}
    </span>
  );
}

function isCount(column: ScanColumn): boolean {
  return column === "zeros" || column === "nan" || column === "inf";
}
