import type { LoraView } from "../../../src/core/session/loraView";
import { formatCount, plural } from "../../../src/core/text/quantities";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import { Section } from "../../ui/section";
import type { EditorModel } from "../editorModel";

export interface LoraFindingsProps {
  readonly model: EditorModel;
  readonly view: LoraView;
}

/** Modules named by a finding; the rest is a number. */
const namedModules = 3;
const sectionName = "LoRA findings";

/** What the numbers of the adapter say, each finding with the modules it is about. */
export function LoraFindings({ model, view }: LoraFindingsProps) {
  const findings = view.findings ?? [];
  if (findings.length === 0) return null;
  return (
    <Section
      class="lora-findings"
      title="Findings"
      note={formatCount(findings.length)}
      open={!model.isSectionToggled(sectionName)}
      onToggle={() => model.toggleSection(sectionName)}
    >
      <ul class="problems">
        {findings.map(({ code, severity, message, modules, moduleCount }) => (
          <li key={`${code} ${message}`} class="problem">
            <Icon name={severity} class={severity} label={severity === "warning" ? "Warning" : "Note"} />
            <div>
              <p class="problem-message">{safeText(message)}</p>
              {modules.length > 0 && (
                <p class="problem-place">
                  {modules.slice(0, namedModules).map((module) => (
                    <button
                      key={module}
                      type="button"
                      class="link mono"
                      onClick={() => model.lora.show(module)}
                    >
                      {safeText(module)}
                    </button>
                  ))}
                  {moduleCount > namedModules && (
                    <span>{`and ${plural(moduleCount - namedModules, "more module")}`}</span>
                  )}
                </p>
              )}
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}
