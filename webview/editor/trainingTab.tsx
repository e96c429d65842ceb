import { useEffect } from "preact/hooks";
import { TrainingPanel } from "../training/trainingPanel";
import { Button } from "../ui/controls";
import { Empty, ErrorState, Loading, Progress } from "../ui/states";
import type { EditorModel } from "./editorModel";

export function TrainingTab({ model }: { readonly model: EditorModel }) {
  const answer = model.training.answer.value;
  useEffect(() => model.training.want(), [answer.status]);
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
            view={answer.value}
            stateKey="training"
            onOpenCheckpoint={(path) => model.host.notify("open", { path })}
            onCopy={(text, what) => model.host.notify("copy", { text, what })}
          />
        </div>
      );
  }
}
