import type { ComponentChildren, RefObject } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { NameColumn } from "../../ui/names/nameColumn";
import { NamePrefix, NameText } from "../../ui/names/nameText";
import { safeText } from "../../ui/safeText";
import { useRowWindow } from "../../ui/tables/rowWindow";
import { SpacerRows } from "../../ui/tables/spacerRows";
import { nameRoom } from "../columnWidths";
import { type MapValues, valueText } from "./mapValues";

export interface MatrixTableProps {
  readonly label: string;
  readonly values: MapValues;
  /** Indexes of the modules from top to bottom. */
  readonly order: readonly number[];
  readonly nameWidth: number;
  /** Of each column, in pixels. */
  readonly columnWidth: (column: number) => number;
  readonly head: (column: number) => ComponentChildren;
  readonly scroller: RefObject<HTMLElement | null>;
  readonly selected: string | undefined;
  readonly onSelect: (module: string) => void;
}

/** What a map of modules shows, in numbers. */
export function MatrixTable(props: MatrixTableProps) {
  const { values, order, nameWidth, columnWidth, selected, scroller } = props;
  const { columns, modules } = values;
  const body = useRef<HTMLTableSectionElement>(null);
  const names = useMemo(() => NameColumn.of(modules), [modules]);
  const { first, end } = useRowWindow(scroller, body, order.length);
  const total = columns.reduce((sum, _, at) => sum + columnWidth(at), nameWidth);
  return (
    <table
      class="compare-table tensor-table"
      aria-label={safeText(props.label)}
      aria-rowcount={order.length + 1}
      style={{ width: `${total}px` }}
    >
      <colgroup>
        <col style={{ width: `${nameWidth}px` }} />
        {columns.map(({ path }, at) => (
          <col key={path} style={{ width: `${columnWidth(at)}px` }} />
        ))}
      </colgroup>
      <thead>
        <tr>
          <th scope="col" class="name-cell">
            Module
            <NamePrefix prefix={names.prefix} />
          </th>
          {columns.map(({ path, label }, at) => (
            <th
              key={path}
              scope="col"
              class="snapshot-title"
              aria-label={safeText(label)}
              title={safeText(label)}
            >
              {props.head(at)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        <SpacerRows rows={first} />
        {order.slice(first, end).map((module, index) => {
          const name = modules[module] ?? "";
          return (
            <tr key={module} aria-rowindex={first + index + 2} class={name === selected ? "selected" : ""}>
              <th scope="row" class="name-cell">
                <button
                  type="button"
                  class="module-name mono"
                  aria-label={safeText(name)}
                  aria-pressed={name === selected}
                  onClick={() => props.onSelect(name)}
                >
                  <NameText names={names} name={name} room={nameRoom({ name: nameWidth })} />
                </button>
              </th>
              {columns.map(({ path }, at) => (
                <td
                  key={path}
                  class={`group-start ${values.value(module, at) === undefined ? "absent" : ""}`}
                >
                  {valueText(values, module, at)}
                </td>
              ))}
            </tr>
          );
        })}
        <SpacerRows rows={order.length - end} />
      </tbody>
    </table>
  );
}
