import type { LoraModuleRow } from "../../../src/core/session/loraView";
import { formatAligned } from "../../../src/core/text/quantities";
import { expertSpread } from "../../../src/core/update/expertSpread";
import type { ModuleMetricValues } from "../../../src/core/update/moduleMetrics";
import type { NameColumn } from "../../ui/names/nameColumn";
import { NameText } from "../../ui/names/nameText";
import type { Column } from "../../ui/tables/dataTable";
import type { LoraColumn } from "../viewState";
import type { BaseRatios } from "./loraRows";

interface NumberColumn {
  readonly id: LoraColumn;
  readonly title: string;
  readonly help: string;
  readonly width: string;
  readonly givesWay: number;
  readonly value: (row: LoraModuleRow) => number | undefined;
}

/** Of a module that holds experts the median of them; its cell says so. */
const metric = (pick: (metrics: ModuleMetricValues) => number) => (row: LoraModuleRow) =>
  row.metrics === undefined ? expertSpread((row.experts ?? []).map(pick))?.median : pick(row.metrics);

const numberColumns: readonly NumberColumn[] = [
  {
    id: "rank",
    title: "Rank",
    help: "Rank r of the factors",
    width: "44px",
    givesWay: 0,
    value: (row) => row.rank,
  },
  { id: "alpha", title: "Alpha", help: "Alpha", width: "50px", givesWay: 3, value: (row) => row.alpha },
  {
    id: "scale",
    title: "Scale",
    help: "Scale s of the update ΔW = s · B · A",
    width: "52px",
    givesWay: 2,
    value: (row) => row.scale,
  },
  {
    id: "normA",
    title: "‖A‖",
    help: "Frobenius norm of the factor A",
    width: "62px",
    givesWay: 4,
    value: metric(({ normA }) => normA),
  },
  {
    id: "normB",
    title: "‖B‖",
    help: "Frobenius norm of the factor B",
    width: "62px",
    givesWay: 4,
    value: metric(({ normB }) => normB),
  },
  {
    id: "frobenius",
    title: "‖ΔW‖",
    help: "Frobenius norm of the update ΔW: how much the module changes",
    width: "68px",
    givesWay: 0,
    value: metric(({ frobenius }) => frobenius),
  },
  {
    id: "spectral",
    title: "σ₁",
    help: "Largest singular value of ΔW",
    width: "62px",
    givesWay: 1,
    value: metric(({ spectral }) => spectral),
  },
  {
    id: "stableRank",
    title: "Stable rank",
    help: "‖ΔW‖² / σ₁²: how many directions carry the update",
    width: "86px",
    givesWay: 5,
    value: metric(({ stableRank }) => stableRank),
  },
  {
    id: "effectiveRank",
    title: "Eff. rank",
    help: "Effective rank: exponential of the entropy of the singular values",
    width: "72px",
    givesWay: 7,
    value: metric(({ effectiveRank }) => effectiveRank),
  },
  {
    id: "rank99",
    title: "Rank 99 %",
    help: "Rank that keeps 99 % of the energy (squared singular values)",
    width: "78px",
    givesWay: 6,
    value: metric(({ rank99 }) => rank99),
  },
];

/** @param ratios shown in a column of their own where they are known */
export function loraColumns(
  rows: readonly LoraModuleRow[],
  names: NameColumn,
  ratios?: BaseRatios,
): readonly Column<LoraColumn>[] {
  const row = (index: number) => rows[index] as LoraModuleRow;
  const shape = (index: number) => `${row(index).outFeatures} × ${row(index).inFeatures}`;
  const numbers = numberColumns.map(({ value, ...column }): Column<LoraColumn> => {
    const text = (index: number) => {
      const number = value(row(index));
      return number === undefined || Number.isNaN(number) ? "" : formatAligned(number);
    };
    return {
      ...column,
      align: "end",
      sortable: true,
      cell: (index) => cellOf(row(index), column.id, text(index)),
      text,
    };
  });
  const shapeColumn: Column<LoraColumn> = {
    id: "shape",
    title: "Out × in",
    help: "Shape of ΔW: output and input features",
    width: "104px",
    align: "end",
    mono: true,
    sortable: true,
    givesWay: 8,
    cell: shape,
    text: shape,
  };
  const ratioText = (index: number) => {
    const ratio = ratios?.get(row(index).module);
    return ratio === undefined ? "" : formatPercent(ratio);
  };
  const ratioColumn: Column<LoraColumn> = {
    id: "baseRatio",
    title: "of ‖W‖",
    help: "‖ΔW‖ / ‖W‖: how large the update is beside the base weight",
    width: "64px",
    align: "end",
    sortable: true,
    cell: (index) =>
      ratioText(index) || <Missing reason="No weight of this name and shape is in the base model." />,
    text: ratioText,
  };
  return [
    {
      id: "module",
      title: "Module",
      width: "minmax(140px, 1fr)",
      mono: true,
      sortable: true,
      names,
      cell: (index, room) => <NameText names={names} name={row(index).module} room={room} />,
      text: (index) => row(index).module,
    },
    ...numbers.slice(0, 3),
    shapeColumn,
    ...numbers.slice(3, 6),
    ...(ratios === undefined ? [] : [ratioColumn]),
    ...numbers.slice(6),
  ];
}

const ofModule: ReadonlySet<LoraColumn> = new Set(["rank", "alpha", "scale"]);

function cellOf({ experts, metrics, unavailable }: LoraModuleRow, column: LoraColumn, text: string) {
  if (text === "") return <Missing reason={unavailable} />;
  if (experts === undefined || metrics !== undefined || ofModule.has(column)) return text;
  return <span title={`The median of its ${experts.length} experts`}>~{text}</span>;
}

/** With three digits, so that small ratios can be told apart. */
function formatPercent(share: number): string {
  return `${formatAligned(100 * share, 3)} %`;
}

function Missing({ reason }: { readonly reason: string | undefined }) {
  return (
    <span class="dim" title={reason}>
      –
    </span>
  );
}
