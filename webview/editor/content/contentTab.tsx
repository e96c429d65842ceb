import { parentOf } from "../../ui/tables/parentOf";
import "../../shell/common";
import { useEffect, useMemo } from "preact/hooks";
import type { CheckpointSummary } from "../../../src/core/checkpoint/summary";
import { formatCount } from "../../../src/core/text/quantities";
import { Button, Checkbox, Dropdown } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { MiddleEllipsis } from "../../ui/names/middleEllipsis";
import { safeText } from "../../ui/safeText";
import { Loading } from "../../ui/states";
import { type Column, DataTable } from "../../ui/tables/dataTable";
import type { EditorModel } from "../editorModel";
import { TensorLink } from "../tensorLink";
import type { ContentRow } from "./contentModel";

export interface ContentTabProps {
  readonly model: EditorModel;
  readonly summary: CheckpointSummary;
}

/** The value that was saved, as a tree that is read as it is opened. */
export function ContentTab({ model, summary }: ContentTabProps) {
  const { content } = model;
  const rows = content.rows.value;
  const generation = model.state.value?.generation;
  const files = summary.contents ?? [];
  // Weights that are a list of tensors have no content of their own.
  const shownFile =
    files.find(({ name }) => name === content.file.value) ??
    (summary.content === undefined ? files[0] : undefined);
  useEffect(() => {
    content.show(shownFile?.name);
    content.ensureLoaded();
  }, [content, generation, shownFile?.name]);
  const columns = useMemo(() => contentColumns(model, rows), [model, rows]);
  const chosen = content.selected.value;
  const selected = useMemo(() => rows.findIndex(({ id }) => id === chosen), [rows, chosen]);

  const row = (index: number) => rows[index] as ContentRow;
  const open = (index: number) => {
    const chosenRow = row(index);
    if (chosenRow.kind !== "node") void content.load(chosenRow.parent);
    else if (chosenRow.node.tensor !== undefined) {
      // A tensor of another file is listed where that is open.
      if (shownFile === undefined) model.showTensor(chosenRow.node.tensor);
      else model.host.notify("open", { path: shownFile.path });
    }
  };
  const copy = (index: number) => {
    const chosenRow = row(index);
    if (chosenRow.kind !== "node") return;
    const { key, text } = chosenRow.node;
    model.host.notify("copy", { text: `${key}: ${text}`, what: "entry" });
  };
  const root = shownFile === undefined ? summary.content : content.root.value;
  return (
    <div class="content">
      <div class="toolbar content-toolbar">
        {files.length > 0 && (
          <Dropdown
            label="File of the checkpoint"
            value={shownFile?.name ?? ""}
            options={[
              ...(summary.content === undefined ? [] : [{ value: "", label: safeText(summary.name) }]),
              ...files.map(({ name, label }) => ({ value: name, label: safeText(`${name}: ${label}`) })),
            ]}
            onChange={(name) => content.show(name === "" ? undefined : name)}
          />
        )}
        <span class="content-root">
          <span class="mono">{safeText(root?.type ?? "")}</span>{" "}
          <span class="dim">{safeText(root?.text ?? "")}</span>
        </span>
        {shownFile !== undefined && (
          <Button
            onClick={() => model.host.notify("open", { path: shownFile.path })}
          >{`Open ${safeText(shownFile.name)}`}</Button>
        )}
        <span class="dim">Nothing of it was executed.</span>
        {content.prefixes.value.length > 0 && (
          <span class="toolbar-rest">
            <Checkbox
              checked={content.hidePrefixes.value}
              onChange={(hide) => (content.hidePrefixes.value = hide)}
              title="What a wrapper puts before every name says nothing of the model"
            >
              {`Hide ${safeText(content.prefixes.value.slice(0, 3).join(", "))}`}
            </Checkbox>
          </span>
        )}
      </div>
      {rows.length === 0 && <Loading label="Reading the content…" />}
      <DataTable
        label="Content of the file"
        class="content-rows"
        columns={columns}
        count={rows.length}
        rowKey={(index) => row(index).id}
        selected={selected < 0 ? undefined : selected}
        onSelect={(index) => (content.selected.value = row(index).id)}
        onOpen={open}
        onCopyRow={copy}
        tree={{
          level: (index) => row(index).depth + 1,
          expanded: (index) => expandedOf(row(index), content.opened.value),
          onToggle: (index, expanded) => content.setOpen(row(index).id, expanded),
          parent: (index) => parentOf(rows, index),
        }}
        initialScrollTop={model.scrollTops.content}
        onScroll={(scrollTop) => model.rememberScroll("content", scrollTop)}
      />
    </div>
  );
}

function expandedOf(row: ContentRow, opened: ReadonlySet<string>): boolean | undefined {
  return row.kind === "node" && row.node.childCount > 0 ? opened.has(row.id) : undefined;
}

type ContentColumn = "key" | "type" | "value";

function contentColumns(model: EditorModel, rows: readonly ContentRow[]): readonly Column<ContentColumn>[] {
  const row = (index: number) => rows[index] as ContentRow;
  return [
    {
      id: "key",
      title: "Key",
      width: "minmax(140px, 2fr)",
      mono: true,
      cell: (index) => <KeyCell model={model} row={row(index)} />,
    },
    {
      id: "type",
      title: "Type",
      width: "112px",
      mono: true,
      givesWay: 1,
      cell: (index) => {
        const each = row(index);
        return each.kind === "node" ? <span class="dim ellipsis">{safeText(each.node.type)}</span> : null;
      },
    },
    {
      id: "value",
      title: "Value",
      width: "minmax(120px, 3fr)",
      mono: true,
      cell: (index) => <ValueCell model={model} row={row(index)} />,
    },
  ];
}

interface CellProps {
  readonly model: EditorModel;
  readonly row: ContentRow;
}

function KeyCell({ model, row }: CellProps) {
  const expanded = expandedOf(row, model.content.opened.value);
  return (
    <span class="tree-cell">
      {Array.from({ length: Math.min(row.depth, 64) }, (_, level) => (
        <span key={level} class="tree-indent" />
      ))}
      <span class={expanded === undefined ? "twistie leaf" : "twistie"}>
        {expanded !== undefined && <Icon name={expanded ? "chevronDown" : "chevronRight"} />}
      </span>
      {row.kind === "node" ? <MiddleEllipsis text={row.label} /> : <RestCell model={model} row={row} />}
    </span>
  );
}

function RestCell({ model, row }: CellProps) {
  if (row.kind === "node") return null;
  if (row.kind === "waiting") return <span class="dim">Reading…</span>;
  return (
    <button
      type="button"
      class="link"
      tabIndex={-1}
      onMouseDown={(event) => event.preventDefault()}
      onClick={() => void model.content.load(row.parent)}
    >
      {row.kind === "failed" ? "Try again" : `Show more (${formatCount(row.left)} left)`}
    </button>
  );
}

function ValueCell({ model, row }: CellProps) {
  if (row.kind === "failed") return <span class="error ellipsis">{safeText(row.message ?? "")}</span>;
  if (row.kind !== "node") return null;
  const { text, tensor, cycle } = row.node;
  if (tensor !== undefined) return <TensorLink model={model} name={tensor} text={text} />;
  if (cycle) return <span class="dim">↻ contains itself</span>;
  const safe = safeText(text);
  return (
    <span class="ellipsis" title={safe}>
      {safe}
    </span>
  );
}
