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
      <Problems
        problems={problems}
        folder={parentPath(summary.path)}
        onShowTensor={(name) => model.showTensor(name)}
      />
      {problems.length > 0 && (
        <div class="button-row panel-actions">
          <Button icon="copy" onClick={copy}>
            {problems.length === 1 ? "Copy as Markdown" : "Copy all as Markdown"}
          </Button>
        </div>
      )}
      <NothingFound model={model} summary={summary} />
      <OtherFiles model={model} />
      <ResumeSection model={model} />
      {summary.imports !== undefined && <ImportReport imports={summary.imports} />}
    </div>
  );
}

/** That nothing was found says what was looked at: most values were not. */
function NothingFound({ model, summary }: HealthTabProps) {
  const { scan, problems, health } = model;
  const isAnswered = health.answer.value.status === "ready";
  if (!isAnswered || problems.value.some(({ severity }) => severity !== "info")) return null;
  const isScanned = scan.state.value?.status === "done";
  const isScanning = scan.state.value?.status === "running";
  return (
    <div class="nothing-found">
      <p class="verdict">
        <Icon name="check" class="good" />
        <span>
          <span class="strong">No fault was found.</span>{" "}
          {isScanned
            ? "Files, shapes and settings were checked, and every value was read."
            : "Files, shapes and settings were checked, and of the values a few. Only a scan reads all of them."}
        </span>
      </p>
      {!isScanned && summary.tensorCount > 0 && (
        <p class="button-row">
          <Button disabled={isScanning} onClick={() => scan.start()}>
            {isScanning ? "Scanning…" : "Scan values"}
          </Button>
        </p>
      )}
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
