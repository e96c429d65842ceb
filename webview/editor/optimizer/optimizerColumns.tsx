import type {
  OptimizerRow,
  OptimizerStateEntry,
  OptimizerView,
} from "../../../src/core/optimizer/optimizerView";
import { formatShape } from "../../../src/core/tensors/tensor";
import { formatCount, formatNumber } from "../../../src/core/text/quantities";
import type { NameColumn } from "../../ui/names/nameColumn";
import { NameText } from "../../ui/names/nameText";
import { safeText } from "../../ui/safeText";
import type { Column } from "../../ui/tables/dataTable";
import type { EditorModel } from "../editorModel";
import { TensorLink } from "../tensorLink";
import { nameOf } from "./optimizerModel";

/** More would leave no room for names; the selected parameter shows all of its state. */
const maxStateColumns = 6;

export const inferredMeaning =
  "Inferred: the file only numbers its parameters. This name was found by order, and every known shape fits.";

export function optimizerColumns(
  model: EditorModel,
  view: OptimizerView,
  rows: readonly OptimizerRow[],
  names: NameColumn,
): readonly Column[] {
  const row = (index: number) => rows[index] as OptimizerRow;
  const shape = (index: number) => {
    const own = row(index).shape;
    return own === undefined ? "" : formatShape(own);
  };
  const group = (index: number) => String(row(index).group ?? "");
  return [
    {
      id: "index",
      title: "#",
      help: "Position over all groups, as torch counts",
      width: "48px",
      align: "end",
      cell: (index) => <span class="dim">{formatCount(row(index).index)}</span>,
      text: (index) => String(row(index).index),
    },
    {
      id: "name",
      title: "Parameter",
      width: "minmax(150px, 1fr)",
      mono: true,
      names,
      cell: (index, room) => <ParameterName row={row(index)} names={names} room={room} />,
      text: (index) => nameOf(row(index)),
    },
    {
      id: "group",
      title: "Group",
      width: "52px",
      align: "end",
      givesWay: 4,
      cell: (index) => group(index) || <span class="dim">–</span>,
      text: group,
    },
    {
      id: "shape",
      title: "Shape",
      width: "110px",
      align: "end",
      mono: true,
      givesWay: 3,
      cell: (index) => shape(index) || <span class="dim">–</span>,
      text: shape,
    },
    ...view.stateKeys.slice(0, maxStateColumns).map((key, at): Column => {
      const entry = (index: number) => row(index).state.find((each) => each.key === key);
      return {
        id: `state ${key}`,
        title: safeText(key),
        help: `State ${safeText(key)} of the parameter`,
        width: `${Math.min(140, Math.max(72, key.length * 8 + 12))}px`,
        align: "end",
        mono: true,
        givesWay: at < 3 ? at : at + 4,
        cell: (index) => <StateCell model={model} entry={entry(index)} />,
        text: (index) => stateText(entry(index)),
      };
    }),
  ];
}

interface ParameterNameProps {
  readonly row: OptimizerRow;
  readonly names: NameColumn;
  readonly room: number;
}

function ParameterName({ row, names, room }: ParameterNameProps) {
  if (row.name === undefined) return <span class="dim">{nameOf(row)}</span>;
  return (
    <span class="parameter-name">
      <NameText names={names} name={row.name} room={room} />
      {row.nameInferred && (
        <span class="inferred-mark" title={inferredMeaning}>
          <span aria-hidden="true">≈</span>
          <span class="visually-hidden">inferred</span>
        </span>
      )}
    </span>
  );
}

interface StateCellProps {
  readonly model: EditorModel;
  readonly entry: OptimizerStateEntry | undefined;
}

function StateCell({ model, entry }: StateCellProps) {
  if (entry === undefined) return <span class="dim">–</span>;
  const text = stateText(entry);
  if (entry.tensor !== undefined) return <TensorLink model={model} name={entry.tensor} text={text} ofState />;
  return (
    <span class="ellipsis" title={safeText(text)}>
      {safeText(text)}
    </span>
  );
}

/** The number where it is one; else the dtype, and the shape where it is not the parameter's. */
export function stateText(entry: OptimizerStateEntry | undefined): string {
  if (entry === undefined) return "";
  const { value, dtype = "", shape } = entry;
  if (value !== undefined) return typeof value === "number" ? formatNumber(value) : value;
  return shape === undefined ? dtype : `${dtype} ${formatShape(shape)}`;
}
