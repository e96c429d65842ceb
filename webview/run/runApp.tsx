import { plural } from "../../src/core/text/quantities";
import { TrainingPanel } from "../training/trainingPanel";
import { Button } from "../ui/controls";
import { Icon } from "../ui/icon";
import { MiddleEllipsis } from "../ui/middleEllipsis";
import { safeText } from "../ui/safeText";
import { ErrorState, Loading } from "../ui/states";
import { CheckpointList } from "./checkpointList";
import type { RunModel } from "./runModel";

/** The chart of a run: the merged log of all its checkpoints, and the checkpoints. */
export function RunApp({ model }: { readonly model: RunModel }) {
  const state = model.state.value;
  const failure = model.failure.value;
  if (state === undefined) {
    return (
      <main class="page">
        {failure === undefined ? (
          <Loading label="Reading the run's logs…" />
        ) : (
          <ErrorState what="Checkpoint Explorer did not answer." where={failure.message}>
            <Button look="primary" onClick={() => void model.start()}>
              Try again
            </Button>
          </ErrorState>
        )}
      </main>
    );
  }
  const reload = () => model.host.notify("reload", null);
  const open = (path: string) => model.host.notify("open", { path });
  if (state.status === "failed") {
    return (
      <main class="page">
        <RunHeader name={state.name} path={state.path} onReload={reload} />
        <ErrorState what={state.problem.message} where={state.problem.file ?? state.path}>
          <Button look="primary" onClick={reload}>
            Read again
          </Button>
        </ErrorState>
      </main>
    );
  }
  const { training } = state;
  return (
    <main class="page">
      <RunHeader
        name={state.name}
        path={state.path}
        onReload={reload}
        checkpoints={training.checkpoints.length}
      />
      <div class="run-content">
        <TrainingPanel
          view={training}
          stateKey="training"
          onOpenCheckpoint={open}
          onCopy={(text, what) => model.host.notify("copy", { text, what })}
        />
        <CheckpointList view={training} onOpen={open} />
      </div>
    </main>
  );
}

interface RunHeaderProps {
  readonly name: string;
  readonly path: string;
  readonly checkpoints?: number;
  readonly onReload: () => void;
}

function RunHeader({ name, path, checkpoints, onReload }: RunHeaderProps) {
  return (
    <header class="run-header">
      <div class="run-header-main">
        <h1 class="run-title">
          <strong class="ellipsis">{safeText(name)}</strong>
          {checkpoints !== undefined && <span class="dim">{plural(checkpoints, "checkpoint")}</span>}
        </h1>
        <p class="dim run-path">
          <MiddleEllipsis text={path} tail={32} />
        </p>
      </div>
      <Button look="icon" label="Read the logs again" onClick={onReload}>
        <Icon name="refresh" />
      </Button>
    </header>
  );
}
