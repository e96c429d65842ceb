import type { CheckpointSummary } from "../../../src/core/checkpoint/summary";
import { compareProblems, type Problem } from "../../../src/core/problem/problem";
import { formatCount, plural } from "../../../src/core/text/quantities";
import { toMarkdown } from "../../../src/core/text/tableText";
import { Button } from "../../ui/controls";
import { ProblemList } from "../../ui/problemList";
import type { EditorModel } from "../editorModel";
import { ImportReport } from "./importReport";
import { ResumeSection } from "./resumeSection";

export interface HealthTabProps {
  readonly model: EditorModel;
  readonly summary: CheckpointSummary;
}

export function HealthTab({ model, summary }: HealthTabProps) {
  const problems = [...summary.problems, ...model.scan.problems.value].sort(compareProblems);
  const copy = () =>
    model.host.notify("copy", {
      text: problemsAsMarkdown(problems),
      what: plural(problems.length, "problem"),
    });
  return (
    <div class="panel-content health">
      {problems.length > 0 && (
        <div class="panel-actions">
          <Button icon="copy" onClick={copy}>
            Copy all as Markdown
          </Button>
        </div>
      )}
      <ProblemList problems={problems} onShowTensor={(name) => model.showTensor(name)} />
      <ResumeSection model={model} />
      {summary.imports !== undefined && <ImportReport imports={summary.imports} />}
    </div>
  );
}

export function problemsAsMarkdown(problems: readonly Problem[]): string {
  return toMarkdown({
    headers: ["Severity", "Code", "Problem", "File", "Byte", "Tensor"],
    rows: problems.map(({ severity, code, message, file, offset, tensor }) => [
      severity,
      code,
      message,
      file ?? "",
      offset === undefined ? "" : formatCount(offset),
      tensor ?? "",
    ]),
    alignEnd: new Set([4]),
  });
}
