import type { ImportSummary } from "../../../src/core/checkpoint/summary";
import type { ImportFinding } from "../../../src/core/formats/importFinding";
import { formatCount, plural } from "../../../src/core/text/quantities";
import { Icon, type IconName } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import { Section } from "../../ui/section";

const verdicts: Record<ImportFinding["verdict"], { readonly icon: IconName; readonly tone: string }> = {
  dangerous: { icon: "error", tone: "error" },
  unknown: { icon: "info", tone: "info" },
  known: { icon: "check", tone: "good" },
};

/** What loading the file in Python would import, the worst first. */
export function ImportReport({ imports }: { readonly imports: ImportSummary }) {
  const { findings, total } = imports;
  return (
    <Section title="Imports of the pickle" note={plural(total, "global")} class="import-report">
      <p>
        <span class="strong">Nothing was executed.</span> {meaning(imports)}
      </p>
      {findings.length > 0 && (
        <table class="imports-table">
          <thead>
            <tr>
              <th scope="col">Verdict</th>
              <th scope="col">Global</th>
              <th scope="col" class="cell-end">
                Count
              </th>
              <th scope="col" class="cell-end">
                Byte offset
              </th>
              <th scope="col">Where</th>
            </tr>
          </thead>
          <tbody>
            {findings.map((finding, at) => (
              <tr key={`${at} ${finding.global}`} class={`import-${finding.verdict}`}>
                <td class="nowrap">
                  <Icon name={verdicts[finding.verdict].icon} class={verdicts[finding.verdict].tone} />{" "}
                  {finding.verdict}
                </td>
                <td class="mono wrap">{safeText(finding.global)}</td>
                <td class="cell-end number">{formatCount(finding.count)}</td>
                <td class="cell-end number">{formatCount(finding.offset)}</td>
                <td class="mono wrap">
                  {finding.where === undefined ? <span class="dim">the file</span> : safeText(finding.where)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {total > findings.length && (
        <p class="dim">{`and ${formatCount(total - findings.length)} more, none worse than these`}</p>
      )}
    </Section>
  );
}

function meaning({ total, dangerous, unknown }: ImportSummary): string {
  if (total === 0) return "The file imports nothing.";
  const list = "Python would import what is listed here if it loaded the file.";
  if (dangerous > 0) {
    return `${list} ${formatCount(dangerous)} of these can run code: do not load it with torch.load or pickle.`;
  }
  if (unknown > 0) return `${list} Nothing of it is known to be dangerous, and not all of it is known.`;
  return `${list} All of it belongs to what torch and NumPy save.`;
}
