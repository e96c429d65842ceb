import type { LayerOutlier } from "../../../src/core/analysis/layerOutliers";
import type { ScanTable } from "../../../src/core/analysis/scanTable";
import {
  type StatisticId,
  statisticColumns,
  type TensorStatistics,
} from "../../../src/core/analysis/statisticColumns";
import { formatAligned, formatCount, formatNumber } from "../../../src/core/text/quantities";
import { Icon } from "../../ui/icon";
import type { Column } from "../../ui/tables/dataTable";

/** From left to right, each with when it gives way where the table is narrow; a statistic not named here is last in both. */
const places: readonly (readonly [StatisticId, givesWay: number])[] = [
  ["mean", 7],
  ["std", 1],
  ["absMax", 4],
  ["min", 8],
  ["max", 8],
  ["l2", 10],
  ["zeros", 9],
  ["nan", 3],
  ["inf", 6],
];

const numberColumnsShown = statisticColumns
  .map((column) => {
    const at = places.findIndex(([id]) => id === column.id);
    return { ...column, at: at < 0 ? places.length : at, givesWay: places[at]?.[1] ?? 11 };
  })
  .sort((a, b) => a.at - b.at);

export interface NumberCells {
  readonly table: ScanTable | undefined;
  readonly outliers: ReadonlyMap<number, LayerOutlier>;
  /** Row of the tensor table; undefined for a module. */
  readonly rowAt: (index: number) => number | undefined;
  /** Of all tensors of a module. */
  readonly joinedAt?: (index: number) => TensorStatistics | undefined;
}

/** What a scan measured, as columns of either table. */
export function numberColumns(
  { table, outliers, rowAt, joinedAt }: NumberCells,
  sortable: boolean,
): readonly Column<StatisticId>[] {
  const valueAt = (column: StatisticId, index: number) => {
    const row = rowAt(index);
    return row === undefined ? joinedAt?.(index)?.[column] : table?.get(column, row);
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
  readonly column: StatisticId;
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

function isCount(column: StatisticId): boolean {
  return statisticColumns.some(({ id, kind }) => id === column && kind === "count");
}
