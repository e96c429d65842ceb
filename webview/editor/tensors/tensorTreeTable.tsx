import { useMemo } from "preact/hooks";
import type { CheckpointSummary } from "../../../src/core/checkpoint/summary";
import type { TensorTree, TreeNode } from "../../../src/core/tensors/tensorTree";
import { formatBytes, formatCount, formatShortCount } from "../../../src/core/text/quantities";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { letterWidth } from "../../ui/names/letterWidth";
import { NameColumn } from "../../ui/names/nameColumn";
import { NameText } from "../../ui/names/nameText";
import { type Column, DataTable } from "../../ui/tables/dataTable";
import { parentOf } from "../../ui/tables/parentOf";
import type { EditorModel } from "../editorModel";
import { moduleNumbers } from "../numbers/moduleNumbers";
import { numberColumns } from "../numbers/numberColumns";
import type { Selection } from "../viewState";
import { allOpen } from "./expansion";
import {
  besideNumbers,
  byteShare,
  Dtype,
  dtypeWidth,
  numberCells,
  type ScannedNumbers,
  Shape,
  Share,
  type TensorColumn,
  tensorGivesWay,
  tensorTracks,
} from "./tensorColumns";
import type { LoadedTensors } from "./tensorDirectory";
import type { TensorsTabProps } from "./tensorsTab";

/** The tensors under their modules, with what each module adds up to. */
export function TensorTreeTable({ model, summary }: TensorsTabProps) {
  const { tensors } = model;
  const loaded = tensors.loaded.value;
  const tree = tensors.tree.value;
  const nodes = tensors.nodes.value;
  const numbers = numberCells(model);
  const columns = useMemo(
    () =>
      loaded === undefined || tree === undefined ? [] : treeColumns(loaded, tree, nodes, summary, numbers),
    [loaded, tree, nodes, summary, numbers?.table, numbers?.outliers, model.scan.version.value],
  );
  const chosen = tensors.selected.value;
  const selected = useMemo(() => indexOfSelection(nodes, chosen), [nodes, chosen]);

  const node = (index: number) => nodes[index] as TreeNode;
  // A module is open when its first child follows it.
  const isExpanded = (index: number) => (nodes[index + 1]?.depth ?? -1) > node(index).depth;
  return (
    <DataTable<TensorColumn>
      label="Tensors by module"
      class="tensor-rows"
      columns={columns}
      count={nodes.length}
      rowKey={(index) => nodeKey(node(index))}
      selected={selected}
      onSelect={(index) => (tensors.selected.value = selectionOf(node(index)))}
      onCopyRow={(index) => model.host.notify("copy", { text: node(index).path, what: "name" })}
      tree={{
        level: (index) => node(index).depth + 1,
        expanded: (index) => (node(index).tensorRow === undefined ? isExpanded(index) : undefined),
        onToggle: (index, expanded) => tensors.setExpanded(node(index).path, expanded),
        parent: (index) => parentOf(nodes, index),
        onExpandAll: () => tensors.setAllExpanded(allOpen),
      }}
      takeFocus={tensors.focusRows.value}
      onFocusTaken={() => (tensors.focusRows.value = false)}
      initialScrollTop={model.scrollTops["tensors tree"]}
      onScroll={(scrollTop) => model.rememberScroll("tensors tree", scrollTop)}
      empty={<NoMatches model={model} />}
    />
  );
}

export function NoMatches({ model }: { readonly model: EditorModel }) {
  return (
    <>
      <p>No tensor matches the filter.</p>
      <p class="button-row">
        <Button onClick={() => model.tensors.clearFilter()}>Clear filter</Button>
      </p>
    </>
  );
}

function treeColumns(
  loaded: LoadedTensors,
  tree: TensorTree,
  nodes: readonly TreeNode[],
  summary: CheckpointSummary,
  numbers: ScannedNumbers | undefined,
): readonly Column<TensorColumn>[] {
  const node = (index: number) => nodes[index] as TreeNode;
  const letterPx = letterWidth();
  /** What stands before the name, in characters. */
  const indent = (index: number) =>
    Math.ceil((node(index).depth * indentPx.level + indentPx.twistie) / letterPx);
  const names = new NameColumn(nodes.length, (index) => node(index).label, indent);
  const columns: readonly Column<TensorColumn>[] = [
    {
      id: "name",
      title: "Name",
      width: tensorTracks.name,
      mono: true,
      names,
      cell: (index, room) => (
        <NameCell node={node(index)} next={nodes[index + 1]} names={names} room={room - indent(index)} />
      ),
    },
    {
      id: "shape",
      title: "Shape",
      width: tensorTracks.shape,
      mono: true,
      align: "end",
      cell: (index) => {
        const { tensorRow, from, to } = node(index);
        if (tensorRow !== undefined) return <Shape loaded={loaded} row={tensorRow} />;
        return <span class="dim tensor-count">{`${formatCount(to - from)} tensors`}</span>;
      },
    },
    {
      id: "dtype",
      title: "Dtype",
      width: dtypeWidth(loaded),
      mono: true,
      givesWay: tensorGivesWay.dtype,
      cell: (index) => {
        const { tensorRow } = node(index);
        return tensorRow === undefined ? null : <Dtype loaded={loaded} row={tensorRow} />;
      },
    },
    {
      id: "parameters",
      title: "Params",
      help: "Parameters of the model: packed weights count as what they stand for, their scales as nothing",
      width: tensorTracks.parameters,
      align: "end",
      givesWay: tensorGivesWay.parameters,
      cell: (index) => formatShortCount(node(index).parameters),
    },
    {
      id: "byteSize",
      title: "Size",
      width: tensorTracks.byteSize,
      align: "end",
      cell: (index) => formatBytes(node(index).byteSize),
    },
    {
      id: "share",
      title: "Share",
      help: "Share of the bytes of all tensors",
      width: tensorTracks.share,
      align: "end",
      givesWay: tensorGivesWay.share,
      cell: (index) => <Share share={byteShare(node(index).byteSize, summary)} />,
    },
  ];
  if (numbers === undefined) return columns;
  const kept = besideNumbers(columns);
  const joinedAt = moduleNumbers(loaded, numbers.table, (index) => tree.rowsOf(node(index)));
  return [
    ...kept,
    ...numberColumns({ ...numbers, rowAt: (index) => node(index).tensorRow, joinedAt }, false),
  ];
}

/** Drawn so by dataTable.css. */
const indentPx = { level: 12, twistie: 18 };

interface NameCellProps {
  readonly node: TreeNode;
  readonly next: TreeNode | undefined;
  readonly names: NameColumn;
  /** In characters. */
  readonly room: number;
}

function NameCell({ node, next, names, room }: NameCellProps) {
  const isModule = node.tensorRow === undefined;
  const expanded = next !== undefined && next.depth > node.depth;
  return (
    <span class="tree-cell">
      {Array.from({ length: node.depth }, (_, level) => (
        <span key={level} class="tree-indent" />
      ))}
      <span class={isModule ? "twistie" : "twistie leaf"}>
        {isModule && <Icon name={expanded ? "chevronDown" : "chevronRight"} />}
      </span>
      <NameText names={names} name={node.label} room={room} />
    </span>
  );
}

function nodeKey({ tensorRow, path }: TreeNode): string {
  return tensorRow === undefined ? `module ${path}` : `tensor ${path}`;
}

function selectionOf({ tensorRow, path }: TreeNode): Selection {
  return { kind: tensorRow === undefined ? "module" : "tensor", name: path };
}

/** A module that is no node of its own, since the tree shows chains as one, is found as the node it is part of. */
function indexOfSelection(nodes: readonly TreeNode[], selection: Selection | undefined): number | undefined {
  if (selection === undefined) return undefined;
  const { kind, name } = selection;
  const isModule = kind === "module";
  let index = nodes.findIndex(
    ({ path, tensorRow }) => path === name && (tensorRow === undefined) === isModule,
  );
  if (index < 0 && isModule) {
    index = nodes.findIndex(({ path }) => path.startsWith(`${name}.`) || path.startsWith(`${name}/`));
  }
  return index < 0 ? undefined : index;
}
