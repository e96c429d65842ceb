import type { RefObject } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type { CompareView } from "../../../src/core/compare/compareView";
import { MiddleEllipsis } from "../../ui/middleEllipsis";
import { NameColumn } from "../../ui/nameColumn";
import { NamePrefix, NameText } from "../../ui/nameText";
import { safeText } from "../../ui/safeText";
import { type ColumnWidths, nameRoom } from "../columnWidths";
import type { ModuleLine } from "../compareMetrics";
import { useRowWindow } from "../rowWindow";
import { SpacerRows } from "../spacerRows";
import { absenceText, formatHeat, type HeatSubject, heatValue } from "./heatModel";

export interface HeatTableProps {
  readonly view: CompareView;
  /** In the order of layers. */
  readonly lines: readonly ModuleLine[];
  readonly widths: ColumnWidths;
  readonly subject: HeatSubject;
  readonly label: string;
  readonly scroller: RefObject<HTMLElement | null>;
  readonly selected: string | undefined;
  readonly onSelect: (module: string) => void;
}

/** What the map shows, in numbers. */
export function HeatTable({ view, lines, widths, subject, scroller, selected, ...props }: HeatTableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const names = useMemo(() => NameColumn.of(lines.map(({ module }) => module)), [lines]);
  const { first, end } = useRowWindow(scroller, body, lines.length);
  return (
    <table
      class="compare-table tensor-table"
      aria-label={props.label}
      aria-rowcount={lines.length + 1}
      style={{ width: `${widths.total}px` }}
    >
      <colgroup>
        <col style={{ width: `${widths.name}px` }} />
        {view.columns.map(({ path }, at) => (
          <col key={path} style={{ width: `${widths.snapshots[at]}px` }} />
        ))}
      </colgroup>
      <thead>
        <tr>
          <th scope="col" class="name-cell">
            Module
            <NamePrefix prefix={names.prefix} />
          </th>
          {view.columns.map(({ path, label }) => (
            <th key={path} scope="col" class="snapshot-title" aria-label={safeText(label)}>
              <MiddleEllipsis text={label} tail={14} />
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        <SpacerRows rows={first} />
        {lines.slice(first, end).map((line, index) => (
          <tr
            key={line.module}
            aria-rowindex={first + index + 2}
            class={line.module === selected ? "selected" : ""}
          >
            <th scope="row" class="name-cell">
              <button
                type="button"
                class="module-name mono"
                aria-label={safeText(line.module)}
                aria-pressed={line.module === selected}
                onClick={() => props.onSelect(line.module)}
              >
                <NameText names={names} name={line.module} room={nameRoom(widths)} />
              </button>
            </th>
            {view.columns.map(({ path }, at) => {
              const value = heatValue(view, line, at, subject);
              return (
                <td key={path} class={`group-start ${value === undefined ? "absent" : ""}`}>
                  {value === undefined ? absenceText(view, line, at, subject) : formatHeat(subject, value)}
                </td>
              );
            })}
          </tr>
        ))}
        <SpacerRows rows={lines.length - end} />
      </tbody>
    </table>
  );
}
