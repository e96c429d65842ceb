import { useMemo } from "preact/hooks";
import { NameColumn } from "../../ui/names/nameColumn";
import { DataTable } from "../../ui/tables/dataTable";
import { numberCells, type TensorColumn, tensorColumns } from "./tensorColumns";
import type { TensorsTabProps } from "./tensorsTab";
import { NoMatches } from "./tensorTreeTable";

/** Every tensor on a row of its own, in any order. */
export function TensorFlatTable({ model, summary }: TensorsTabProps) {
  const { tensors } = model;
  const loaded = tensors.loaded.value;
  const rows = tensors.sorted.value;
  const selectedRow = tensors.selectedRow.value;
  const numbers = numberCells(model);
  const names = useMemo(
    () => new NameColumn(loaded?.loaded ?? 0, (row) => loaded?.table.name(row) ?? ""),
    [loaded],
  );
  const columns = useMemo(
    () => (loaded === undefined ? [] : tensorColumns(loaded, rows, names, summary, numbers)),
    [loaded, rows, names, summary, numbers?.table, numbers?.outliers, model.scan.version.value],
  );
  if (loaded === undefined) return null;
  const { table } = loaded;
  const selected = selectedRow === undefined ? -1 : rows.indexOf(selectedRow);
  return (
    <DataTable<TensorColumn>
      label="Tensors"
      class="tensor-rows"
      columns={columns}
      count={rows.length}
      rowKey={(index) => rows[index] ?? index}
      sort={tensors.sort.value}
      onSort={({ column, descending }) => {
        if (column !== "share") tensors.sort.value = { column, descending };
      }}
      selected={selected < 0 ? undefined : selected}
      onSelect={(index) => (tensors.selected.value = { kind: "tensor", name: table.name(rows[index] ?? 0) })}
      onCopyRow={(index) =>
        model.host.notify("copy", { text: table.name(rows[index] ?? 0), what: "tensor name" })
      }
      takeFocus={tensors.focusRows.value}
      onFocusTaken={() => (tensors.focusRows.value = false)}
      initialScrollTop={model.scrollTops["tensors table"]}
      onScroll={(scrollTop) => model.rememberScroll("tensors table", scrollTop)}
      empty={<NoMatches model={model} />}
    />
  );
}
