import { useEffect } from "preact/hooks";
import type { ResumeReport, ResumeVerdict } from "../../../src/core/resume/resumeReport";
import { toMarkdown } from "../../../src/core/text/tableText";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { safeText } from "../../ui/safeText";
import { Section } from "../../ui/section";
import { Loading } from "../../ui/states";
import type { EditorModel } from "../editorModel";
import { resumeLooks, type VerdictLook } from "./resumeLooks";

const verdicts: Record<ResumeVerdict, VerdictLook & { readonly text: string }> = {
  ok: { icon: "check", tone: "good", text: "in order" },
  warning: { icon: "warning", tone: "warning", text: "in doubt" },
  error: { icon: "error", tone: "error", text: "broken" },
  missing: { icon: "close", tone: "dim", text: "missing" },
  unknown: { icon: "info", tone: "info", text: "not known" },
};

/** Whether training can go on from here, with what the answer rests on. Asked for when it is first shown. */
export function ResumeSection({ model }: { readonly model: EditorModel }) {
  const answer = model.resume.answer.value;
  useEffect(() => model.resume.ensureLoaded(), [answer.status]);
  return (
    <Section title="Can I resume?" class="resume">
      {answer.status === "failed" ? (
        <p class="verdict">
          <Icon name="error" class="error" />
          <span>
            {`This could not be found out: ${safeText(answer.error.message)} `}
            <Button onClick={() => void model.resume.ask()}>Try again</Button>
          </span>
        </p>
      ) : answer.status === "ready" ? (
        <ResumeAnswerView model={model} report={answer.value} />
      ) : (
        <Loading label="Looking into the files of the checkpoint…" />
      )}
    </Section>
  );
}

interface ResumeAnswerProps {
  readonly model: EditorModel;
  readonly report: ResumeReport;
}

function ResumeAnswerView({ model, report }: ResumeAnswerProps) {
  const look = resumeLooks[report.answer];
  const copy = () =>
    model.host.notify("copy", { text: resumeAsMarkdown(report), what: "the answer and its reasons" });
  return (
    <>
      <p class="verdict">
        <Icon name={look.icon} class={look.tone} />
        <span class="strong">{safeText(report.sentence)}</span>
      </p>
      <table class="resume-table">
        <thead>
          <tr>
            <th scope="col">Needed</th>
            <th scope="col">Verdict</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          {report.checks.map(({ what, verdict, reason }) => (
            <tr key={what}>
              <th scope="row">{what}</th>
              <td class="nowrap">
                <Icon name={verdicts[verdict].icon} class={verdicts[verdict].tone} /> {verdicts[verdict].text}
              </td>
              <td class="wrap">{safeText(reason)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div class="button-row">
        <Button icon="copy" onClick={copy}>
          Copy as Markdown
        </Button>
      </div>
    </>
  );
}

function resumeAsMarkdown({ sentence, checks }: ResumeReport): string {
  const table = toMarkdown({
    headers: ["Needed", "Verdict", "Why"],
    rows: checks.map(({ what, verdict, reason }) => [what, verdicts[verdict].text, reason]),
    alignEnd: new Set(),
  });
  return `${sentence}\n\n${table}`;
}
