import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { CheckpointSummary } from "../../src/core/checkpoint/summary";
import { PageShell } from "../shell/pageShell";
import { loadWhenIdle, OnceLoaded } from "../ui/lazyPart";
import { safeText } from "../ui/safeText";
import { Banner } from "../ui/states";
import { Tabs } from "../ui/tabs";
import { EditorHeader } from "./editorHeader";
import type { EditorModel } from "./editorModel";
import { DeletedView, FailedView } from "./failedView";

export function EditorApp({ model }: { readonly model: EditorModel }) {
  return (
    <PageShell model={model} loading="Reading the file's directory…">
      {(state) =>
        state.status === "failed" ? (
          <FailedView model={model} state={state} />
        ) : state.status === "deleted" ? (
          <DeletedView state={state} />
        ) : (
          <ReadyEditor model={model} summary={state.summary} />
        )
      }
    </PageShell>
  );
}

interface ReadyEditorProps {
  readonly model: EditorModel;
  readonly summary: CheckpointSummary;
}

function ReadyEditor({ model, summary }: ReadyEditorProps) {
  const { wholeModel } = summary;
  const { id, scrolls, part } = model.tab.value;
  const tabs = model.tabs.value;
  useEffect(() => loadWhenIdle(tabs.map(({ part }) => part)), [tabs]);
  useHealthWhenIdle(model);
  return (
    <>
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
        tabs={tabs.map(({ badge, ...tab }) => ({
          ...tab,
          ...badge?.(summary, model.problems.value),
        }))}
        selected={id}
        onSelect={(tab) => model.showTab(tab)}
      >
        <OnceLoaded key={id} part={part}>
          {(Component) =>
            scrolls ? (
              <Scrolled model={model} name={id}>
                <Component model={model} summary={summary} />
              </Scrolled>
            ) : (
              <Component model={model} summary={summary} />
            )
          }
        </OnceLoaded>
      </Tabs>
    </>
  );
}

/** How long the user's own questions go first. */
const healthAfterMs = 400;

/** Whether a checkpoint is healthy is asked by whoever opens it, and must not take a click. */
function useHealthWhenIdle(model: EditorModel): void {
  const { status } = model.health.answer.value;
  useEffect(() => {
    if (status !== "not asked") return;
    const timer = setTimeout(() => model.health.ensureLoaded(), healthAfterMs);
    return () => clearTimeout(timer);
  }, [status]);
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
