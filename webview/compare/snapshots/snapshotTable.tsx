import type { SnapshotColumn } from "../../../src/core/compare/compareView";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import { CopyButtons } from "../../ui/tables/copyButtons";
import type { ColumnWidths } from "../columnWidths";
import type { CompareModel } from "../compareModel";
import { FindingsRow } from "./findingsRow";
import { bestColumn, type SnapshotFact, snapshotFacts, snapshotText } from "./snapshotFacts";
import { SnapshotHeader } from "./snapshotHeader";

export interface SnapshotTableProps {
  readonly model: CompareModel;
  readonly columns: readonly SnapshotColumn[];
  readonly widths: ColumnWidths;
}

/** The snapshots side by side: one column each, one row a fact. */
export function SnapshotTable({ model, columns, widths }: SnapshotTableProps) {
  const facts = snapshotFacts(columns);
  const hasFindings = columns.some(({ findings }) => (findings?.length ?? 0) > 0);
  return (
    <table class="compare-table snapshot-table" aria-label="Snapshots" style={{ width: `${widths.total}px` }}>
      <colgroup>
        <col style={{ width: `${widths.name}px` }} />
        {columns.map(({ path }, at) => (
          <col key={path} style={{ width: `${widths.snapshots[at]}px` }} />
        ))}
      </colgroup>
      <thead>
        <tr>
          <td class="name-cell corner">
            <CopyButtons
              what="the table of snapshots"
              copied={() => ({ table: snapshotText(columns), what: `${columns.length} snapshots` })}
              onCopy={model.copy}
            />
          </td>
          {columns.map(({ path }, at) => (
            <SnapshotHeader key={path} model={model} columns={columns} at={at} />
          ))}
        </tr>
      </thead>
      <tbody>
        {facts.map((fact, row) => (
          <FactRow
            key={fact.title}
            fact={fact}
            first={row === 0}
            rows={facts.length + (hasFindings ? 1 : 0)}
            columns={columns}
          />
        ))}
        {hasFindings && <FindingsRow model={model} columns={columns} />}
      </tbody>
    </table>
  );
}

interface FactRowProps {
  readonly fact: SnapshotFact;
  readonly first: boolean;
  readonly rows: number;
  readonly columns: readonly SnapshotColumn[];
}

function FactRow({ fact, first, rows, columns }: FactRowProps) {
  const best = bestColumn(fact, columns);
  const reference = columns[0] === undefined ? undefined : fact.text(columns[0]);
  return (
    <tr>
      <th scope="row" class="name-cell" title={fact.help}>
        {fact.title}
      </th>
      {columns.map((column, at) => {
        if (column.failure !== undefined) {
          // One cell down the whole column says why there is nothing in it.
          return first ? (
            <td key={column.path} class="snapshot-failure" rowSpan={rows}>
              <Icon name="error" class="error" label="Error" />
              <span>{safeText(column.failure.message)}</span>
            </td>
          ) : null;
        }
        const text = at === 0 && fact.againstFirst === true ? undefined : fact.text(column);
        const same = at > 0 && text === reference;
        return (
          <td
            key={column.path}
            class={`${same ? "dim" : ""} ${fact.wraps === true ? "wraps" : ""}`}
            title={safeText(fact.detail?.(column) ?? "") || undefined}
          >
            {column === best && (
              <span class="best-mark" title="Lowest in this row">
                lowest
              </span>
            )}
            {text === undefined ? <span class="dim">–</span> : safeText(text)}
          </td>
        );
      })}
    </tr>
  );
}
