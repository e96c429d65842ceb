import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { CheckpointSummary } from "../../src/core/checkpoint/summary";
import { type Problem, worstSeverity } from "../../src/core/problem/problem";
import { formatCount } from "../../src/core/text/quantities";
import type { EditorTab } from "../../src/protocol/editorSurface";
import { Button } from "../ui/controls";
import { safeText } from "../ui/safeText";
import { Banner, ErrorState, Loading } from "../ui/states";
import { type Tab, Tabs } from "../ui/tabs";
import { ContentTab } from "./content/contentTab";
import { EditorHeader } from "./editorHeader";
import type { EditorModel } from "./editorModel";
import { DeletedView, FailedView } from "./failedView";
import { HealthTab } from "./health/healthTab";
import { LoraTab } from "./lora/loraTab";
import { OptimizerTab } from "./optimizer/optimizerTab";
import { OverviewTab } from "./overview/overviewTab";
import { TensorsTab } from "./tensors/tensorsTab";
import { TrainingTab } from "./training/trainingTab";

export function EditorApp({ model }: { readonly model: EditorModel }) {
  const state = model.state.value;
  const failure = model.failure.value;
  if (state === undefined) {
    return failure === undefined ? (
      <main class="page">
        <Loading label="Reading the file's directory…" />
      </main>
    ) : (
      <main class="page">
        <ErrorState what="Checkpoint Explorer did not answer." where={failure.message}>
          <Button look="primary" onClick={() => void model.start()}>
            Try again
          </Button>
        </ErrorState>
      </main>
    );
  }
  if (state.status === "failed") return <FailedView model={model} state={state} />;
  if (state.status === "deleted") return <DeletedView state={state} />;
  return <ReadyEditor model={model} summary={state.summary} />;
}

interface ReadyEditorProps {
  readonly model: EditorModel;
  readonly summary: CheckpointSummary;
}

function ReadyEditor({ model, summary }: ReadyEditorProps) {
  const { wholeModel } = summary;
  const selected = model.tab.value;
  return (
    <main class="page">
      <EditorHeader model={model} summary={summary} />
      {model.changed.value && (
        <Banner onDismiss={() => (model.changed.value = false)}>
          The file changed on disk and was read again.
        </Banner>
      )}
      {wholeModel !== undefined && (
        <Banner
          action={{
            label: "Open the whole model",
            onClick: () => model.host.notify("open", { path: wholeModel.path }),
          }}
        >
          {safeText(wholeModel.message)}
        </Banner>
      )}
      <Tabs
        label="Parts of the checkpoint"
        tabs={model.tabs.value.map((id) => tabFor(id, summary, model.problems.value))}
        selected={selected}
        onSelect={(tab) => model.showTab(tab)}
      >
        <TabContent model={model} summary={summary} tab={selected} />
      </Tabs>
    </main>
  );
}

function tabFor(id: EditorTab, summary: CheckpointSummary, problems: readonly Problem[]): Tab<EditorTab> {
  switch (id) {
    case "overview":
      return { id, title: "Overview" };
    case "tensors":
      return { id, title: "Tensors", badge: formatCount(summary.tensorCount), scrolls: false };
    case "content":
      return { id, title: "Content", scrolls: false };
    case "optimizer":
      return { id, title: "Optimizer", scrolls: false };
    case "training":
      return { id, title: "Training" };
    case "lora":
      return { id, title: "LoRA", scrolls: false };
    case "health":
      return {
        id,
        title: "Health",
        ...badgeOf(problems),
      };
  }
}

function badgeOf(problems: readonly Problem[]): Pick<Tab<EditorTab>, "badge" | "badgeTone"> {
  if (problems.length === 0) return {};
  return { badge: formatCount(problems.length), badgeTone: worstSeverity(problems) };
}

function TabContent({ model, summary, tab }: ReadyEditorProps & { readonly tab: EditorTab }) {
  switch (tab) {
    case "overview":
      return (
        <Scrolled model={model} name="overview">
          <OverviewTab model={model} summary={summary} />
        </Scrolled>
      );
    case "content":
      return <ContentTab model={model} summary={summary} />;
    case "optimizer":
      return <OptimizerTab model={model} />;
    case "tensors":
      return <TensorsTab model={model} summary={summary} />;
    case "training":
      return (
        <Scrolled model={model} name="training">
          <TrainingTab model={model} />
        </Scrolled>
      );
    case "lora":
      return <LoraTab model={model} />;
    case "health":
      return (
        <Scrolled model={model} name="health">
          <HealthTab model={model} summary={summary} />
        </Scrolled>
      );
  }
}

interface ScrolledProps {
  readonly model: EditorModel;
  readonly name: string;
  readonly children: ComponentChildren;
}

/** Content that scrolls as a whole and is found again where it was left. */
function Scrolled({ model, name, children }: ScrolledProps) {
  const content = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const scroller = content.current?.closest<HTMLElement>(".tab-panel");
    if (!scroller) return;
    scroller.scrollTop = model.scrollTops[name] ?? 0;
    const onScroll = () => model.rememberScroll(name, scroller.scrollTop);
    scroller.addEventListener("scroll", onScroll, { passive: true });
    return () => scroller.removeEventListener("scroll", onScroll);
  }, [name]);
  return <div ref={content}>{children}</div>;
}
