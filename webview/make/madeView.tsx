import { baseName } from "../../src/core/bytes/paths";
import type { JobResult, JobTable, ModelJob } from "../../src/core/report/jobs/modelJob";
import { formatCount, plural } from "../../src/core/text/quantities";
import { Button } from "../ui/controls";
import { FactList } from "../ui/factList";
import { Icon } from "../ui/icon";
import { safeText } from "../ui/safeText";
import { Section } from "../ui/section";
import { weightedOf } from "./jobSources";
import type { MakeModel } from "./makeModel";
import { NoteList } from "./noteList";

export interface MadeViewProps {
  readonly model: MakeModel;
  readonly job: ModelJob;
  readonly result: JobResult;
}

/** More rows are in the report. */
const mostRows = 20;

/** What was written, in numbers, and what can be done with it. */
export function MadeView({ model, job, result }: MadeViewProps) {
  const { path, facts, notes, table, report } = result;
  const against =
    job.kind === "merge"
      ? job.base
      : job.kind === "convert" || job.kind === "dialect"
        ? job.source
        : job.kind === "intruders"
          ? job.adapter
          : weightedOf(job)[0]?.path;
  return (
    <>
      <p role="status" class="make-done">
        <Icon name="check" class="good" label="Done" /> The new snapshot is written and was read back.
      </p>
      <p class="mono wrap">{safeText(path)}</p>
      <FactList facts={facts} />
      {notes.length > 0 && <NoteList notes={notes} />}
      <div class="button-row">
        <Button look="primary" onClick={() => model.host.notify("open", { path })}>
          Open it
        </Button>
        {against !== undefined && (
          <Button onClick={() => model.host.notify("compare", { paths: [against, path] })}>
            {job.kind === "merge" ? "Compare with the base" : "Compare with the original"}
          </Button>
        )}
        <Button
          onClick={() => model.host.notify("showReport", { name: `${baseName(path)} report`, text: report })}
        >
          Open report
        </Button>
        <Button onClick={() => model.host.notify("reveal", { path })}>Show in Training Runs</Button>
        <Button onClick={() => model.host.notify("again", null)}>Back to the plan</Button>
      </div>
      {table !== undefined && <ResultTable table={table} />}
    </>
  );
}

function ResultTable({ table: { title, headings, rows } }: { readonly table: JobTable }) {
  const rest = rows.length - mostRows;
  return (
    <Section title={title} note={formatCount(rows.length)}>
      <div class="make-table">
        <table class="plain-table">
          <thead>
            <tr>
              {headings.map((heading, at) => (
                <th key={heading} scope="col" class={at === 0 ? "" : "cell-end"}>
                  {heading}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, mostRows).map((cells) => (
              <tr key={cells[0]}>
                {cells.map((cell, at) =>
                  at === 0 ? (
                    <th key={headings[at]} scope="row" class="mono">
                      {safeText(cell)}
                    </th>
                  ) : (
                    <td key={headings[at]} class="cell-end number">
                      {cell}
                    </td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rest > 0 && <p class="dim">{plural(rest, "more row")} in the report.</p>}
    </Section>
  );
}
