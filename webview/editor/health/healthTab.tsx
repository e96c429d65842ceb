import "../../shell/common";
import { useEffect } from "preact/hooks";
import { parentPath } from "../../../src/core/bytes/paths";
import type { CheckpointSummary } from "../../../src/core/checkpoint/summary";
import type { Problem } from "../../../src/core/problem/problem";
import { formatCount, plural } from "../../../src/core/text/quantities";
import { toMarkdown } from "../../../src/core/text/tableText";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { Problems } from "../../ui/problems";
import { safeText } from "../../ui/safeText";
import { Loading } from "../../ui/states";
import type { EditorModel } from "../editorModel";
import { ImportReport } from "./importReport";
import { ResumeSection } from "./resumeSection";

export interface HealthTabProps {
  readonly model: EditorModel;
  readonly summary: CheckpointSummary;
}

export function HealthTab({ model, summary }: HealthTabProps) {
  const problems = model.problems.value;
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
      <Problems
        problems={problems}
        folder={parentPath(summary.path)}
        onShowTensor={(name) => model.showTensor(name)}
      />
      <OtherFiles model={model} />
      <ResumeSection model={model} />
      {summary.imports !== undefined && <ImportReport imports={summary.imports} />}
    </div>
  );
}

/** How far the look at the rest of the checkpoint is. Asked for when it is first shown. */
function OtherFiles({ model }: { readonly model: EditorModel }) {
  const answer = model.health.answer.value;
  useEffect(() => model.health.ensureLoaded(), [answer.status]);
  if (answer.status === "ready") return null;
  if (answer.status !== "failed") return <Loading label="Looking at the other files…" />;
  return (
    <p class="verdict">
      <Icon name="error" class="error" />
      <span>
        {`The other files could not be looked at: ${safeText(answer.error.message)} `}
        <Button onClick={() => void model.health.ask()}>Try again</Button>
      </span>
    </p>
  );
}

function problemsAsMarkdown(problems: readonly Problem[]): string {
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
