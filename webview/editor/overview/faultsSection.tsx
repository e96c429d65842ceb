import { faultsAmong } from "../../../src/core/problem/problem";
import { formatCount } from "../../../src/core/text/quantities";
import { Icon } from "../../ui/icon";
import { MessageText } from "../../ui/messageText";
import { Section } from "../../ui/section";
import type { OverviewProps } from "./overviewTab";

const shown = 2;

/** What is wrong, in words, where people look first. Health has all of it, and the notes. */
export function FaultsSection({ model, summary: { resumable } }: OverviewProps) {
  // One of them may be why training cannot be resumed: it is told there.
  const faults = faultsAmong(model.problems.value).filter(({ message }) => message !== resumable.reason);
  if (faults.length === 0) return null;
  return (
    <Section title="Problems">
      {faults.slice(0, shown).map(({ severity, code, message }, index) => (
        <p key={`${index} ${code}`} class="verdict">
          <Icon name={severity} class={severity} label={severity} />
          <span>
            <MessageText text={message} />
          </span>
        </p>
      ))}
      {faults.length > shown && (
        <button type="button" class="link" onClick={() => model.showTab("health")}>
          {`All ${formatCount(faults.length)}`}
        </button>
      )}
    </Section>
  );
}
