import { useMemo } from "preact/hooks";
import { rangeText } from "../../../src/core/adapter/adapterText";
import { compareNames } from "../../../src/core/tensors/nameOrder";
import { formatBytes, formatShare } from "../../../src/core/text/quantities";
import type { Reducible } from "../../../src/core/transform/reducibleModules";
import {
  factorBytes,
  type PlannedModule,
  planReduction,
  type ReductionPlan,
} from "../../../src/core/transform/reductionPlan";
import type { ChartSeries } from "../../charts/chartSeries";
import { LineChart } from "../../charts/lineChart";
import { ordinals } from "../../charts/spectrum";
import { NameColumn } from "../../ui/names/nameColumn";
import { NameText } from "../../ui/names/nameText";
import { ShareBar } from "../../ui/shareBar";
import { CopyTableButtons } from "../../ui/tables/copyTableButtons";
import { type Column, DataTable, type SortOrder } from "../../ui/tables/dataTable";
import type { ReduceColumn } from "../viewState";
import type { ReduceModel } from "./reduceModel";

export interface ReducePreviewProps {
  readonly reduce: ReduceModel;
  readonly reducible: Reducible;
  readonly plan: ReductionPlan;
  readonly onCopy: (text: string, what: string) => void;
}

/** What the chosen ranks would do, as a whole and module by module. */
export function ReducePreview({ reduce, reducible, plan, onCopy }: ReducePreviewProps) {
  const { sort, dtype } = reduce.viewState.value;
  const rows = useMemo(() => rowsOf(reducible, plan), [reducible, plan]);
  const sorted = useMemo(() => sortRows(rows, sort), [rows, sort]);
  const names = useMemo(() => NameColumn.of(plan.modules.map(({ module }) => module)), [reducible]);
  const columns = useMemo(() => columnsFor(sorted, names), [sorted, names]);
  return (
    <div class="reduce-preview">
      <Totals plan={plan} />
      <EnergyChart reducible={reducible} plan={plan} onCopy={onCopy} />
      <div class="reduce-rows-head">
        <CopyTableButtons columns={columns} count={sorted.length} onCopy={onCopy} />
      </div>
      <DataTable
        key={dtype}
        label="Planned ranks"
        class="reduce-rows"
        columns={columns}
        count={sorted.length}
        rowKey={(index) => sorted[index]?.planned.module ?? index}
        sort={sort}
        onSort={(order) => reduce.change({ sort: order })}
      />
    </div>
  );
}

function Totals({ plan }: { readonly plan: ReductionPlan }) {
  const { modules, energyKept, error, bytesBefore, bytesAfter } = plan;
  const before = rangeText(modules.map(({ rankBefore }) => rankBefore));
  const after = rangeText(modules.map(({ rank }) => rank));
  const saved = bytesBefore === 0 ? 0 : 1 - bytesAfter / bytesBefore;
  const size = `${formatBytes(bytesBefore)} → ${formatBytes(bytesAfter)}`;
  return (
    <dl class="facts reduce-totals" aria-label="What would be kept">
      <Total name="Rank" value={`${before} → ${after}`} />
      <Total name="Energy kept" value={formatShare(energyKept)} />
      <Total name="Error" value={`${formatShare(error)} of ‖ΔW‖`} />
      <Total name="Factors" value={saved > 0 ? `${size} (-${formatShare(saved)})` : size} />
    </dl>
  );
}

function Total({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd class="fact-value strong number">{value}</dd>
    </div>
  );
}

interface EnergyChartProps {
  readonly reducible: Reducible;
  readonly plan: ReductionPlan;
  readonly onCopy: (text: string, what: string) => void;
}

const energyRange = { min: 0, max: 1 };

/** How much each rank would keep if all modules had it, and where the plan is where they do. */
function EnergyChart({ reducible, plan, onCopy }: EnergyChartProps) {
  const series = useMemo((): readonly ChartSeries[] => {
    const { modules, largestRank } = reducible;
    const kept = Float64Array.from(
      { length: largestRank },
      (_, at) =>
        planReduction(modules, { rule: { kind: "rank", rank: at + 1 }, scope: "uniform" }).energyKept,
    );
    return [{ key: "energy", label: "Energy kept", x: ordinals(largestRank), y: kept, style: 0 }];
  }, [reducible]);
  const ranks = plan.modules.map(({ rank }) => rank);
  const rank = Math.max(...ranks.slice(0, 1), 1);
  const isUniform = ranks.every((each) => each === rank);
  const markers = useMemo(
    () => (isUniform ? [{ id: "plan", label: `rank ${rank}`, x: rank, best: false, current: true }] : []),
    [isUniform, rank],
  );
  if (reducible.largestRank < 3) return null;
  return (
    <LineChart
      title="Energy kept by rank, of all modules together"
      series={series}
      markers={markers}
      xLabel="Rank"
      integerX
      size="small"
      yRange={energyRange}
      formatY={(share) => `${Number((share * 100).toPrecision(4))} %`}
      words={{ short: () => "", sentence: () => "Energy kept by rank." }}
      onCopy={onCopy}
    />
  );
}

interface Row {
  readonly planned: PlannedModule;
  readonly bytes: number;
}

function rowsOf({ modules }: Reducible, plan: ReductionPlan): readonly Row[] {
  const scale = plan.bytesAfter === 0 ? 0 : plan.bytesAfter;
  const own = plan.modules.map((planned, index) => {
    const module = modules[index];
    return module === undefined ? 0 : factorBytes(module, planned.rank, module.bytesPerValue);
  });
  // The plan counts bytes of the dtype that is written, which is one for all modules.
  const total = own.reduce((sum, bytes) => sum + bytes, 0);
  return plan.modules.map((planned, index) => ({
    planned,
    bytes: total === 0 ? 0 : ((own[index] ?? 0) * scale) / total,
  }));
}

const numberIn: Record<Exclude<ReduceColumn, "module">, (row: Row) => number> = {
  before: ({ planned }) => planned.rankBefore,
  rank: ({ planned }) => planned.rank,
  energy: ({ planned }) => planned.energyKept,
  error: ({ planned }) => planned.error,
  size: ({ bytes }) => bytes,
};

function sortRows(rows: readonly Row[], { column, descending }: SortOrder<ReduceColumn>): readonly Row[] {
  const sign = descending ? -1 : 1;
  const byName = (a: Row, b: Row) => compareNames(a.planned.module, b.planned.module, ".");
  if (column === "module") return [...rows].sort((a, b) => sign * byName(a, b));
  const value = numberIn[column];
  return [...rows].sort((a, b) => sign * (value(a) - value(b)) || byName(a, b));
}

function columnsFor(rows: readonly Row[], names: NameColumn): readonly Column<ReduceColumn>[] {
  const row = (index: number) => rows[index] as Row;
  const number = (
    id: ReduceColumn,
    title: string,
    width: string,
    text: (row: Row) => string,
    more: Partial<Column<ReduceColumn>> = {},
  ): Column<ReduceColumn> => ({
    id,
    title,
    width,
    align: "end",
    sortable: true,
    cell: (index) => text(row(index)),
    text: (index) => text(row(index)),
    ...more,
  });
  return [
    {
      id: "module",
      title: "Module",
      width: "minmax(120px, 1fr)",
      mono: true,
      sortable: true,
      names,
      cell: (index, room) => <NameText names={names} name={row(index).planned.module} room={room} />,
      text: (index) => row(index).planned.module,
    },
    number("before", "Rank", "52px", ({ planned }) => String(planned.rankBefore), {
      help: "Rank now",
      givesWay: 2,
    }),
    number("rank", "New rank", "72px", ({ planned }) => String(planned.rank)),
    number("energy", "Energy kept", "140px", ({ planned }) => formatShare(planned.energyKept), {
      help: "Share of Σσ² that the new rank keeps",
      givesWay: 1,
      cell: (index) => (
        <span class="share">
          <ShareBar share={row(index).planned.energyKept} />
          <span class="number">{formatShare(row(index).planned.energyKept)}</span>
        </span>
      ),
    }),
    number("error", "Error", "68px", ({ planned }) => formatShare(planned.error), {
      help: "‖ΔW - ΔW′‖ / ‖ΔW‖, which is √(1 - energy kept)",
      givesWay: 3,
    }),
    number("size", "Size", "78px", ({ bytes }) => formatBytes(Math.round(bytes)), {
      help: "Of the new factors",
      givesWay: 4,
    }),
  ];
}
