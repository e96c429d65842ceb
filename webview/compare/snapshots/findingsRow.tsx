import { shortModuleName } from "../../../src/core/adapter/moduleName";
import type { SnapshotColumn } from "../../../src/core/compare/compareView";
import { plural } from "../../../src/core/text/quantities";
import type { Finding } from "../../../src/core/update/findings";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import type { CompareModel } from "../compareModel";

export interface FindingsRowProps {
  readonly model: CompareModel;
  readonly columns: readonly SnapshotColumn[];
}

/** What is to be said of each adapter's numbers. Warnings are always in sight, notes on request. */
export function FindingsRow({ model, columns }: FindingsRowProps) {
  const open = model.viewState.value.findings;
  const hasNotes = columns.some(({ findings }) => findings?.some(({ severity }) => severity === "info"));
  return (
    <tr>
      <th scope="row" class="name-cell findings-name">
        {hasNotes ? (
          <button
            type="button"
            class="findings-toggle"
            aria-expanded={open}
            onClick={() => model.change({ findings: !open })}
          >
            <Icon name={open ? "chevronDown" : "chevronRight"} />
            Findings
          </button>
        ) : (
          "Findings"
        )}
      </th>
      {columns.map(({ path, findings = [], failure }) =>
        failure !== undefined ? null : (
          <td key={path} class="findings">
            <Findings model={model} findings={findings} open={open} />
          </td>
        ),
      )}
    </tr>
  );
}

interface FindingsProps {
  readonly model: CompareModel;
  readonly findings: readonly Finding[];
  readonly open: boolean;
}

function Findings({ model, findings, open }: FindingsProps) {
  const notes = findings.filter(({ severity }) => severity === "info").length;
  const shown = findings.filter(({ severity }) => open || severity === "warning");
  if (findings.length === 0) return <span class="dim">–</span>;
  return (
    <>
      {shown.length > 0 && (
        <ul>
          {shown.map(({ code, severity, message, modules }) => (
            <li key={code}>
              <Icon name={severity} class={severity} label={severity} />
              <span>
                {safeText(message)}{" "}
                {modules.slice(0, 1).map((module) => (
                  <button
                    key={module}
                    type="button"
                    class="link"
                    title={safeText(module)}
                    onClick={() => model.select(module)}
                  >
                    {safeText(`Show ${shortModuleName(module)}`)}
                  </button>
                ))}
              </span>
            </li>
          ))}
        </ul>
      )}
      {!open && notes > 0 && <span class="dim">{plural(notes, "note")}</span>}
    </>
  );
}
