import type { RefObject } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type { Timeline, TimelineMetric } from "../../../src/core/compare/timeline";
import { NameColumn } from "../../ui/nameColumn";
import { NamePrefix, NameText } from "../../ui/nameText";
import { safeText } from "../../ui/safeText";
import { nameRoom } from "../columnWidths";
import { useRowWindow } from "../rowWindow";
import { SpacerRows } from "../spacerRows";
import { checkpointName, timelineMetricInfos } from "./timelineRows";

export interface TimelineTableProps {
  readonly timeline: Timeline;
  readonly order: readonly number[];
  readonly metric: TimelineMetric;
  readonly scroller: RefObject<HTMLElement | null>;
  readonly selected: string | undefined;
  readonly onSelect: (module: string) => void;
}

const nameWidth = 320;
const columnWidth = 96;

/** What the map of a timeline shows, in numbers. */
export function TimelineTable({ timeline, order, metric, scroller, selected, onSelect }: TimelineTableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const { first, end } = useRowWindow(scroller, body, order.length);
  const { checkpoints, modules, values } = timeline;
  const names = useMemo(() => NameColumn.of(modules), [modules]);
  const { label, format } = timelineMetricInfos[metric];
  return (
    <table
      class="compare-table tensor-table"
      aria-label={`${label} by module and checkpoint`}
      aria-rowcount={order.length + 1}
      style={{ width: `${nameWidth + columnWidth * checkpoints.length}px` }}
    >
      <colgroup>
        <col style={{ width: `${nameWidth}px` }} />
        {checkpoints.map(({ path }) => (
          <col key={path} style={{ width: `${columnWidth}px` }} />
        ))}
      </colgroup>
      <thead>
        <tr>
          <th scope="col" class="name-cell">
            Module
            <NamePrefix prefix={names.prefix} />
          </th>
          {checkpoints.map((checkpoint) => (
            <th key={checkpoint.path} scope="col" title={safeText(checkpoint.label)}>
              {safeText(checkpointName(checkpoint))}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        <SpacerRows rows={first} />
        {order.slice(first, end).map((module, index) => {
          const name = modules[module] ?? "";
          return (
            <tr key={name} aria-rowindex={first + index + 2} class={name === selected ? "selected" : ""}>
              <th scope="row" class="name-cell">
                <button
                  type="button"
                  class="module-name mono"
                  aria-label={safeText(name)}
                  aria-pressed={name === selected}
                  onClick={() => onSelect(name)}
                >
                  <NameText names={names} name={name} room={nameRoom({ name: nameWidth })} />
                </button>
              </th>
              {checkpoints.map(({ path }, col) => {
                const value = values[metric]?.[module * checkpoints.length + col] ?? Number.NaN;
                return (
                  <td key={path} class={Number.isNaN(value) ? "absent" : ""}>
                    {Number.isNaN(value) ? "–" : format(value)}
                  </td>
                );
              })}
            </tr>
          );
        })}
        <SpacerRows rows={order.length - end} />
      </tbody>
    </table>
  );
}
