import "../../shell/common";
import { useEffect } from "preact/hooks";
import type { RunHead } from "../../../src/core/runs/merge/runHead";
import type { DrawnRun } from "../../training/chartPlans";
import { TrainingFacts } from "../../training/trainingFacts";
import { TrainingPanel } from "../../training/trainingPanel";
import { Button } from "../../ui/controls";
import { Empty, ErrorState, Loading, Progress } from "../../ui/states";
import type { EditorModel } from "../editorModel";

export function TrainingTab({ model }: { readonly model: EditorModel }) {
  const answer = model.training.answer.value;
  useEffect(() => model.training.ensureLoaded(), [answer.status]);
  switch (answer.status) {
    case "not asked":
      return <Loading label="Reading the training log…" />;
    case "waiting":
      return <Progress label="Reading the training log…" onCancel={() => model.training.cancel()} />;
    case "cancelled":
      return (
        <Empty title="The training log was not read.">
          <Button onClick={() => void model.training.ask()}>Read it</Button>
        </Empty>
      );
    case "failed":
      return (
        <ErrorState what="The training log could not be read." where={answer.error.message}>
          <Button onClick={() => void model.training.ask()}>Try again</Button>
        </ErrorState>
      );
    case "ready":
      return answer.value === undefined ? (
        <Empty title="No training log is beside this checkpoint." />
      ) : (
        <div class="panel-content">
          <h2 class="visually-hidden">Training</h2>
          <TrainingPanel
            host={model.host}
            runs={runOf(answer.value.head)}
            stateKey="training"
            choices={answer.value.choices}
            onOpenCheckpoint={(path) => model.host.notify("open", { path })}
            onCopy={(text, what) => model.host.notify("copy", { text, what })}
          />
          <TrainingFacts head={answer.value.head} />
        </div>
      );
  }
}

const runs = new WeakMap<RunHead, readonly DrawnRun[]>();

/** The log beside a checkpoint is the only run of its page. The same array for the same log. */
function runOf(head: RunHead): readonly DrawnRun[] {
  const known = runs.get(head) ?? [{ id: "", name: "", style: 0, head }];
  runs.set(head, known);
  return known;
}
