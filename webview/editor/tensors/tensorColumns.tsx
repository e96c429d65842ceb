import type { StatisticId } from "../../../src/core/analysis/statisticColumns";
import type { CheckpointSummary } from "../../../src/core/checkpoint/summary";
import { formatShape } from "../../../src/core/tensors/tensor";
import type { TensorSortKey } from "../../../src/core/tensors/tensorQuery";
import { formatBytes, formatCount, formatShare, formatShortCount } from "../../../src/core/text/quantities";
import { Icon } from "../../ui/icon";
import { MiddleEllipsis } from "../../ui/names/middleEllipsis";
import type { NameColumn } from "../../ui/names/nameColumn";
import { NameText } from "../../ui/names/nameText";
import { safeText } from "../../ui/safeText";
import { ShareBar } from "../../ui/shareBar";
import type { Column } from "../../ui/tables/dataTable";
import type { EditorModel } from "../editorModel";
import { type NumberCells, numberColumns } from "../numbers/numberColumns";
import type { LoadedTensors } from "./tensorDirectory";

export type TensorColumn = TensorSortKey | StatisticId | "share";

/** What the scan knows, where there is one and its columns are wanted. */
export type ScannedNumbers = Omit<NumberCells, "rowAt" | "joinedAt">;

export function numberCells({ scan, tensors }: EditorModel): ScannedNumbers | undefined {
  const status = scan.state.value?.status ?? "none";
  if (status === "none" || !tensors.showsNumbers.value) return undefined;
  return { table: scan.table.value, outliers: scan.outliers.value };
}

/** Widths that both views of the tensors share, so that switching moves nothing. */
export const tensorTracks = {
  name: "minmax(120px, 1fr)",
  shape: "128px",
  dtype: "72px",
  parameters: "76px",
  byteSize: "72px",
  share: "104px",
  offset: "124px",
  file: "minmax(120px, 200px)",
} as const;

/** The least telling give way to the names first. */
export const tensorGivesWay = { dtype: 2, parameters: 3, share: 4, offset: 5, file: 6 } as const;

/** The columns of the flat table over rows in their sorted order. */
export function tensorColumns(
  loaded: LoadedTensors,
  rows: Uint32Array,
  names: NameColumn,
  summary: CheckpointSummary,
  numbers?: ScannedNumbers,
): readonly Column<TensorColumn>[] {
  const { table } = loaded;
  const at = (index: number) => rows[index] ?? 0;
  const fileName = (index: number) => summary.files[table.fileIndex(at(index))]?.name ?? "";
  const columns: Column<TensorColumn>[] = [
    {
      id: "name",
      title: "Name",
      width: tensorTracks.name,
      mono: true,
      sortable: true,
      names,
      cell: (index, room) => <NameText names={names} name={table.name(at(index))} room={room} />,
      text: (index) => table.name(at(index)),
    },
    {
      id: "shape",
      title: "Shape",
      width: tensorTracks.shape,
      mono: true,
      align: "end",
      sortable: true,
      cell: (index) => <Shape loaded={loaded} row={at(index)} />,
      text: (index) => formatShape(table.shape(at(index))),
    },
    {
      id: "dtype",
      title: "Dtype",
      width: dtypeWidth(loaded),
      mono: true,
      sortable: true,
      givesWay: tensorGivesWay.dtype,
      cell: (index) => <Dtype loaded={loaded} row={at(index)} />,
      text: (index) => table.dtype(at(index)),
    },
    {
      id: "parameters",
      title: "Params",
      help: "Parameters of the model: a packed weight counts as what it stands for, its scales as nothing",
      width: tensorTracks.parameters,
      align: "end",
      sortable: true,
      givesWay: tensorGivesWay.parameters,
      cell: (index) => formatShortCount(table.parameters(at(index))),
      text: (index) => String(table.parameters(at(index))),
    },
    {
      id: "byteSize",
      title: "Size",
      width: tensorTracks.byteSize,
      align: "end",
      sortable: true,
      cell: (index) => formatBytes(table.byteSize(at(index))),
      text: (index) => String(table.byteSize(at(index))),
    },
    {
      id: "share",
      title: "Share",
      help: "Share of the bytes of all tensors",
      width: tensorTracks.share,
      align: "end",
      givesWay: tensorGivesWay.share,
      cell: (index) => <Share share={byteShare(table.byteSize(at(index)), summary)} />,
    },
    {
      id: "offset",
      title: "First byte",
      width: tensorTracks.offset,
      align: "end",
      sortable: true,
      givesWay: tensorGivesWay.offset,
      cell: (index) => formatCount(table.offset(at(index))),
      text: (index) => String(table.offset(at(index))),
    },
  ];
  if (summary.files.length > 1) {
    columns.push({
      id: "file",
      title: "File",
      width: tensorTracks.file,
      mono: true,
      sortable: true,
      givesWay: tensorGivesWay.file,
      cell: (index) => <MiddleEllipsis text={fileName(index)} />,
      text: fileName,
    });
  }
  if (numbers === undefined) return columns;
  // There is room for numbers or for where the bytes are, not for both.
  const kept = besideNumbers(columns);
  return [...kept, ...numberColumns({ ...numbers, rowAt: at }, true)];
}

/** The columns that stay beside those of a scan: there is not room for all. Names take what is left over. */
export function besideNumbers(columns: readonly Column<TensorColumn>[]): readonly Column<TensorColumn>[] {
  return columns
    .filter(({ id }) => id === "name" || id === "shape" || id === "dtype" || id === "byteSize")
    .map((column) => (column.id === "name" ? { ...column, width: "minmax(200px, 1fr)" } : column))
    .map((column) => (column.id === "byteSize" ? { ...column, givesWay: 5 } : column));
}

export function byteShare(bytes: number, { tensorBytes }: CheckpointSummary): number {
  return tensorBytes > 0 ? bytes / tensorBytes : 0;
}

export interface TensorCellProps {
  readonly loaded: LoadedTensors;
  readonly row: number;
}

/** Of a packed weight the shape that it has, and not that of its codes. */
export function Shape({ loaded: { table, packed }, row }: TensorCellProps) {
  const stored = formatShape(table.shape(row));
  const weight = packed.get(row);
  const text = weight === undefined ? stored : formatShape(weight.shape);
  return (
    <span title={text === stored ? text : `${text}, stored as ${stored}`}>
      {/* Not all of the tensor is there. */}
      {table.isUnreadable(row) && (
        <>
          <Icon name="warning" class="error" label="Cannot be read whole" />{" "}
        </>
      )}
      {text}
    </span>
  );
}

/** "NF4 in U8" */
export function Dtype({ loaded: { table, packed }, row }: TensorCellProps) {
  const stored = safeText(table.dtype(row));
  const weight = packed.get(row);
  const text = weight === undefined ? stored : `${weight.kind} in ${stored}`;
  return <span title={text}>{text}</span>;
}

/** Room for how a weight is packed and in what. */
export function dtypeWidth({ packed }: LoadedTensors): string {
  return packed.size === 0 ? tensorTracks.dtype : "108px";
}

export function Share({ share }: { readonly share: number }) {
  return (
    <span class="share">
      <ShareBar share={share} />
      <span>{formatShare(share)}</span>
    </span>
  );
}
