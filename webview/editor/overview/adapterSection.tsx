import { plural } from "../../../src/core/text/quantities";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import { Section } from "../../ui/section";
import type { OverviewProps } from "./overviewTab";

const fitWords = { fits: "Yes", error: "No", warning: "In doubt", info: "Note" } as const;

/** What the adapter is, in three facts; the LoRA tab has the rest. */
export function AdapterSection({ model, summary }: OverviewProps) {
  const { adapter } = summary;
  const baseFit = model.baseFit.value;
  if (adapter === undefined) return null;
  return (
    <Section title="Adapter">
      <table class="key-value-table plain" aria-label="Adapter">
        <tbody>
          <tr>
            <th scope="row">Method</th>
            <td>{safeText(adapter.method)}</td>
          </tr>
          <tr>
            <th scope="row">Base model</th>
            <td>
              {adapter.baseModel === undefined ? (
                <span class="dim">not stated</span>
              ) : (
                <span class="mono">{safeText(adapter.baseModel)}</span>
              )}
            </td>
          </tr>
          {baseFit !== undefined && (
            <tr>
              <th scope="row">Fits its base</th>
              <td>
                <Icon
                  name={baseFit.code === "BaseFits" ? "check" : baseFit.severity}
                  class={baseFit.code === "BaseFits" ? "good" : baseFit.severity}
                  label={fitWords[baseFit.code === "BaseFits" ? "fits" : baseFit.severity]}
                />{" "}
                {safeText(baseFit.message)}
              </td>
            </tr>
          )}
          <tr>
            <th scope="row">Adapted</th>
            <td>
              {plural(adapter.moduleCount, "module")}{" "}
              {adapter.comparable && (
                <button type="button" class="link" onClick={() => model.showTab("lora")}>
                  Show
                </button>
              )}
            </td>
          </tr>
        </tbody>
      </table>
    </Section>
  );
}
