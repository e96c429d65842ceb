import { formatCount, plural } from "../../src/core/text/quantities";
import type { RunEntry, RunState } from "../../src/protocol/runSurface";
import { PageShell } from "../shell/pageShell";
import { usePersisted } from "../shell/persisted";
import { TrainingFacts } from "../training/trainingFacts";
import { TrainingPanel } from "../training/trainingPanel";
import { Button } from "../ui/controls";
import { Icon } from "../ui/icon";
import { MiddleEllipsis } from "../ui/names/middleEllipsis";
import { Problems } from "../ui/problems";
import { safeText } from "../ui/safeText";
import { Section } from "../ui/section";
import { Empty, ErrorState, Loading } from "../ui/states";
import { CheckpointList } from "./checkpointList";
import { LogList } from "./logList";
import { ProgressLine } from "./progressLine";
import type { RunModel } from "./runModel";
import { RunTable } from "./runTable";
import { SettingsSection } from "./settingsSection";

/** The charts of one run or of several, and what else is known of them. */
export function RunApp({ model }: { readonly model: RunModel }) {
  return (
    <PageShell model={model} loading="Reading the run's logs…">
      {(state) => (
        <>
          <RunHeader state={state} model={model} />
          <RunContent state={state} model={model} />
        </>
      )}
    </PageShell>
  );
}

interface RunPartProps {
  readonly state: RunState;
  readonly model: RunModel;
}

function RunContent({ state, model }: RunPartProps) {
  const { runs: entries } = state;
  const [only, ...more] = entries;
  const isReading = entries.every(({ content }) => content.status === "reading");
  if (only === undefined) {
    return (
      <Empty title="There is no run on this page.">
        <Button look="primary" onClick={() => model.host.notify("addRuns", null)}>
          Add runs…
        </Button>
      </Empty>
    );
  }
  if (isReading) {
    return (
      <Loading
        label={more.length === 0 ? "Reading the run's logs…" : `Reading the logs of ${entries.length} runs…`}
      />
    );
  }
  if (more.length === 0 && only.content.status === "failed") {
    const { problem } = only.content;
    return (
      <ErrorState what={problem.message} where={problem.file ?? only.path}>
        <Button look="primary" onClick={() => model.host.notify("reload", null)}>
          Read again
        </Button>
      </ErrorState>
    );
  }
  return <Charts state={state} model={model} />;
}

function Charts({ state, model }: RunPartProps) {
  const { runs: entries, choices } = state;
  const runs = model.drawn.value;
  const [sections, toggle] = usePersisted("sections", { settings: false, logs: false });
  const { host } = model;
  const isOverlay = entries.length > 1;
  const [only] = runs;
  const open = (path: string) => host.notify("open", { path });
  const copy = (text: string, what: string) => host.notify("copy", { text, what });
  const progress = model.progress.value;
  const clockAheadMs = model.clockAheadMs.value;
  const ownProgress = only === undefined ? undefined : progress.get(only.id);
  const problems = runs.flatMap(({ head }) => head.problems);
  return (
    <div class="scrolled-parts run-content">
      {!isOverlay && ownProgress !== undefined && (
        <ProgressLine progress={ownProgress} clockAheadMs={clockAheadMs} />
      )}
      <TrainingPanel
        host={host}
        runs={runs}
        stateKey="training"
        choices={choices}
        onOpenCheckpoint={open}
        onCopy={copy}
        {...(isOverlay
          ? {
              above: (viewState, change) => (
                <>
                  <RunTable
                    host={host}
                    entries={entries}
                    runs={runs}
                    progress={progress}
                    clockAheadMs={clockAheadMs}
                    viewState={viewState}
                    change={change}
                    onCopy={copy}
                  />
                  <SettingsSection
                    runs={runs}
                    open={sections.settings}
                    onToggle={(settings) => toggle({ settings })}
                    onCopy={copy}
                  />
                </>
              ),
            }
          : {})}
      />
      {!isOverlay && only !== undefined && (
        <>
          {state.kind === "runs" && <CheckpointList host={host} run={only} onOpen={open} />}
          <SettingsSection
            runs={runs}
            open={sections.settings}
            onToggle={(settings) => toggle({ settings })}
            onCopy={copy}
          />
          <TrainingFacts head={only.head} />
        </>
      )}
      {isOverlay && problems.length > 0 && (
        <Section title="About these logs" class="training-facts">
          <Problems problems={problems} />
        </Section>
      )}
      <LogList runs={runs} open={sections.logs} onToggle={(logs) => toggle({ logs })} onOpen={open} />
    </div>
  );
}

function RunHeader({ state, model }: RunPartProps) {
  const { runs } = state;
  const [only, ...more] = runs;
  const isOne = only !== undefined && more.length === 0;
  return (
    <header class="run-header">
      <div class="run-header-main">
        <h1 class="run-title">
          <strong class="ellipsis">{isOne ? safeText(only.name) : plural(runs.length, "run")}</strong>
          {isOne && noteOf(only) !== undefined && <span class="dim">{noteOf(only)}</span>}
        </h1>
        <p class="dim run-path">
          <MiddleEllipsis text={isOne ? only.path : runs.map(({ name }) => name).join(", ")} tail={32} />
        </p>
      </div>
      {state.kind === "runs" && (
        <Button
          look="icon"
          label="Add runs to chart beside this"
          onClick={() => model.host.notify("addRuns", null)}
        >
          <Icon name="add" />
        </Button>
      )}
      <Button look="icon" label="Read the logs again" onClick={() => model.host.notify("reload", null)}>
        <Icon name="refresh" />
      </Button>
    </header>
  );
}

function noteOf({ content }: RunEntry): string | undefined {
  if (content.status !== "ready") return undefined;
  const { checkpoints, unplaced = 0, sources } = content.head;
  const count = checkpoints.length + unplaced;
  if (count > 0) return plural(count, "checkpoint");
  return sources.length === 1 ? sources[0]?.label : `${formatCount(sources.length)} logs`;
}
