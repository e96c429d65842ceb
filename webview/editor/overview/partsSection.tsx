import { useEffect } from "preact/hooks";
import type { CheckpointSummary } from "../../../src/core/checkpoint/summary";
import { formatBytes, plural } from "../../../src/core/text/quantities";
import { Icon, type IconName } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import { Section } from "../../ui/section";
import { resumeLooks } from "../health/resumeLooks";
import type { OverviewProps } from "./overviewTab";

type Answer = CheckpointSummary["resumable"]["answer"];

const verdicts: Record<Answer, { readonly icon: IconName; readonly tone: string; readonly text: string }> = {
  yes: { icon: "check", tone: "good", text: "Training can be resumed." },
  partly: { icon: "warning", tone: "warning", text: "Training can be resumed in part." },
  no: { icon: "info", tone: "info", text: "Training cannot be resumed." },
  unknown: { icon: "info", tone: "info", text: "Can I resume?" },
};

/** Names and sizes promise nothing of what was found to be wrong. */
const doubt = { icon: "error", tone: "error", text: "Training may not resume" } as const;

/** Which of the parts of a checkpoint are there, and what follows from it. */
export function PartsSection({ model, summary }: OverviewProps) {
  const { parts, missingParts } = summary;
  const found = model.resume.answer.value;
  const settled =
    found.status === "ready" ? found.value.checks.filter(({ verdict }) => verdict === "ok") : [];
  // What was never used is not missing.
  const missing = missingParts.filter(({ topic }) => !settled.some(({ what }) => what === topic));
  return (
    <Section title="Parts">
      <Verdict model={model} summary={summary} />
      <ul class="parts">
        {parts.map((part, index) => (
          <li key={`${index} ${part.label}`} class="part">
            {part.lost === undefined ? (
              <Icon name="check" class="good" label="Present" />
            ) : (
              <Icon name="error" class="error" label="Not whole" />
            )}
            <span class="part-label">{safeText(part.label)}</span>
            <span class="part-files">
              {part.lost !== undefined && (
                <span class="part-file">{`${plural(part.lost, "file")} missing or cut`}</span>
              )}
              {part.within !== undefined && <span class="dim">{`with the ${safeText(part.within)}`}</span>}
              {part.files.map((file) => (
                <span key={file.path} class="part-file">
                  {file.path === summary.path ? (
                    <span class="mono wrap">{safeText(file.name)}</span>
                  ) : (
                    <button
                      type="button"
                      class="link mono"
                      onClick={() => model.host.notify("open", { path: file.path })}
                    >
                      {safeText(file.name)}
                    </button>
                  )}{" "}
                  {file.bytes !== undefined && <span class="dim number">{formatBytes(file.bytes)}</span>}
                </span>
              ))}
            </span>
          </li>
        ))}
        {missing.map((part, index) => (
          <li key={`missing ${index} ${part.label}`} class="part dim">
            <Icon name="close" label="Missing" />
            <span class="part-label">{safeText(part.label)}</span>
            <span class="part-files">{safeText(part.meaning)}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** What the names of the parts promise, until it is known whether they keep it: then the answer that Health gives. */
function Verdict({ model, summary: { resumable } }: OverviewProps) {
  const { resume, health } = model;
  const errors = model.problems.value.filter(({ severity }) => severity === "error").length;
  const isLookedAt = health.answer.value.status === "ready";
  const mayResume = resumable.answer !== "no";
  useEffect(() => {
    if (mayResume && isLookedAt) resume.ensureLoaded();
  }, [resume, mayResume, isLookedAt]);
  const found = resume.answer.value;
  if (mayResume && errors > 0) {
    return (
      <p class="verdict">
        <Icon name={doubt.icon} class={doubt.tone} />
        <span>
          <span class="strong">{doubt.text}.</span> The parts are here, but{" "}
          <button type="button" class="link" onClick={() => model.showTab("health")}>
            {plural(errors, "error")}
          </button>{" "}
          {errors === 1 ? "was" : "were"} found.
        </span>
      </p>
    );
  }
  if (mayResume && found.status === "ready") {
    const look = resumeLooks[found.value.answer];
    return (
      <p class="verdict">
        <Icon name={look.icon} class={look.tone} />
        <span>
          <span class="strong">Can I resume?</span> {safeText(found.value.sentence)}{" "}
          <button type="button" class="link" onClick={() => model.showTab("health")}>
            Why
          </button>
        </span>
      </p>
    );
  }
  const { icon, tone, text } = verdicts[resumable.answer];
  // A fault of the weights is the reason, and no mere fact.
  const fault = model.problems.value.find(({ message }) => message === resumable.reason)?.severity;
  return (
    <p class="verdict">
      <Icon name={fault ?? icon} class={fault ?? tone} />
      <span>
        <span class="strong">{resumable.finished ? "The training is finished." : text}</span>{" "}
        {safeText(resumable.reason)}
      </span>
    </p>
  );
}
