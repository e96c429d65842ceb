import type { CheckpointSummary } from "../../src/core/checkpoint/summary";
import { faultsAmong, worstSeverity } from "../../src/core/problem/problem";
import { plural } from "../../src/core/text/quantities";
import { Button } from "../ui/controls";
import { Icon } from "../ui/icon";
import { MiddleEllipsis } from "../ui/names/middleEllipsis";
import { safeText } from "../ui/safeText";
import type { EditorModel } from "./editorModel";

export interface EditorHeaderProps {
  readonly model: EditorModel;
  readonly summary: CheckpointSummary;
}

/** What is this file? One line answers; below it, which file and what can be done with it. */
export function EditorHeader({ model, summary }: EditorHeaderProps) {
  const [what, ...facts] = summary.headline;
  return (
    <header class="editor-header">
      <div class="editor-header-main">
        <h1 class="headline">
          <strong>{safeText(what ?? summary.formatLabel)}</strong>
          {facts.map((fact, index) => (
            <span key={`${index} ${fact}`} class="headline-fact">
              {safeText(fact)}
            </span>
          ))}
        </h1>
        <p class="editor-path">
          <span class="editor-name">
            <MiddleEllipsis text={summary.name} />
          </span>
          <span class="dim">
            <MiddleEllipsis text={folderOf(summary)} tail={32} />
          </span>
        </p>
      </div>
      <div class="editor-header-actions">
        <ProblemsLink model={model} />
        <StageButton model={model} summary={summary} />
        <Button
          onClick={() => model.host.notify("compare", null)}
          title="Compare with other snapshots, side by side"
        >
          Compare…
        </Button>
      </div>
    </header>
  );
}

/** The name is shown beside it already. */
function folderOf({ path, name }: CheckpointSummary): string {
  return path.endsWith(name) && path.length > name.length ? path.slice(0, -name.length - 1) || "/" : path;
}

function ProblemsLink({ model }: Pick<EditorHeaderProps, "model">) {
  // Those that are told by the summary are known first, and Health finds more.
  const problems = model.problems.value;
  if (problems.length === 0) return null;
  const worst = worstSeverity(problems) ?? "info";
  return (
    <button type="button" class="chip" onClick={() => model.showTab("health")}>
      <Icon name={worst} class={worst} />
      {worst === "info" ? plural(problems.length, "note") : plural(faultsAmong(problems).length, "problem")}
    </button>
  );
}

function StageButton({ model, summary }: EditorHeaderProps) {
  const lora = model.lora.view.answer.value;
  // Once the tensors were looked at, they may know better.
  const stage = (lora.status === "ready" ? lora.value?.stage : undefined) ?? summary.stage;
  const setStage = () => model.host.notify("setStage", null);
  if (stage === undefined) {
    return (
      <button
        type="button"
        class="chip dim"
        title="Say which moment of the pipeline this is"
        onClick={setStage}
      >
        <Icon name="tag" />
        Set stage
      </button>
    );
  }
  const reason = safeText(stage.reason);
  return (
    <button
      type="button"
      class={`chip ${stage.inferred ? "stage-inferred" : ""}`}
      title={stage.inferred ? `Inferred: ${reason}. Click to set the stage.` : `${reason}. Click to change.`}
      onClick={setStage}
    >
      <Icon name="tag" />
      <span class="visually-hidden">Stage:</span>
      <span class="ellipsis">{safeText(stage.stage)}</span>
      {stage.inferred && <span class="dim">inferred</span>}
    </button>
  );
}
