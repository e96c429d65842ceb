import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { CompareView } from "../../src/core/compare/compareView";
import type { Lineage } from "../../src/core/stage/lineage";
import { isBranched } from "../../src/core/stage/lineageLayout";
import { plural } from "../../src/core/text/quantities";
import type { CompareState } from "../../src/protocol/compareSurface";
import { PageShell } from "../shell/pageShell";
import { Button } from "../ui/controls";
import { Icon } from "../ui/icon";
import { lazyPart, loadWhenIdle, OnceLoaded } from "../ui/lazyPart";
import { safeText } from "../ui/safeText";
import { SplitPane } from "../ui/splitPane";
import { Banner, Empty, ErrorState, Loading } from "../ui/states";
import { columnWidths, fittingMetrics, nameWidths, narrowestColumn } from "./columnWidths";
import { knownMetrics } from "./compareMetrics";
import type { CompareModel } from "./compareModel";
import { type ComparePageId, comparePageIds } from "./compareViewState";
import { diffPartWidths } from "./diff/diffPartWidths";
import { HeatSection, snapshotHeat } from "./heat/heatSection";
import { metricWidths } from "./metricWidths";
import { isColumnSort } from "./modules/moduleRows";
import { ModuleSection } from "./modules/moduleSection";
import { mostSnapshots } from "./snapshots/columnActions";
import { CompareLead } from "./snapshots/compareLead";
import { SnapshotTable } from "./snapshots/snapshotTable";
import { StageTrack } from "./snapshots/stageTrack";
import type { TimelineModel } from "./timeline/timelineModel";
import { WorkingBar, WorkingView } from "./workingView";

const timelineView = lazyPart(async () => (await import("./timeline/timelineView")).TimelineView);
const moduleDetailPane = lazyPart(async () => (await import("./detail/moduleDetailPane")).ModuleDetailPane);
const lineageView = lazyPart(async () => (await import("./lineage/lineageView")).LineageView);
const diffSection = lazyPart(async () => (await import("./diff/diffSection")).DiffSection);
const diffPane = lazyPart(async () => (await import("./diff/diffPane")).DiffPane);

/** What every comparison shows, and nothing before it. */
const tables = [diffSection, snapshotHeat];

const pageTitles: Readonly<Record<ComparePageId, string>> = {
  timeline: "Timeline",
  comparison: "Comparison",
  lineage: "Lineage",
};

export interface CompareAppProps {
  readonly model: CompareModel;
  readonly timeline: TimelineModel;
}

/** Two pages where a run is followed: the timeline of its updates, and some of its checkpoints side by side. */
export function CompareApp({ model, timeline }: CompareAppProps) {
  if (timeline.paths.value === undefined) return <ComparePage model={model} />;
  const { page } = model.viewState.value;
  const choice = (
    <fieldset class="segments" aria-label="Page">
      {comparePageIds.map((each) => (
        <button
          key={each}
          type="button"
          class="chip"
          aria-pressed={page === each}
          onClick={() => model.change({ page: each })}
        >
          {pageTitles[each]}
        </button>
      ))}
    </fieldset>
  );
  if (page === "comparison") return <ComparePage model={model} choice={choice} />;
  return (
    <main class="page">
      <header class="compare-header">
        <h1>
          <strong>{pageTitles[page]}</strong>{" "}
          <span class="dim">{plural(timeline.paths.value.length, "checkpoint")}</span>
        </h1>
        {choice}
        <Button look="icon" label="Read the checkpoints again" onClick={() => void reload(model, timeline)}>
          <Icon name="refresh" />
        </Button>
      </header>
      {page === "timeline" ? (
        <OnceLoaded part={timelineView}>
          {(TimelineView) => <TimelineView model={model} timeline={timeline} />}
        </OnceLoaded>
      ) : (
        <LineagePage model={model} />
      )}
    </main>
  );
}

/** Where all checkpoints of the run come from. */
function LineagePage({ model }: { readonly model: CompareModel }) {
  const lineage = model.lineage.lineage.value;
  return lineage === undefined ? (
    <Loading label="Reading where the checkpoints come from…" />
  ) : (
    <div class="lineage-page">
      <OnceLoaded part={lineageView}>
        {(LineageView) => <LineageView host={model.host} lineage={lineage} view={model.view.value} />}
      </OnceLoaded>
    </div>
  );
}

/** The extension forgets what it computed; then both pages ask anew. */
async function reload(model: CompareModel, timeline: TimelineModel): Promise<void> {
  model.host.notify("reload", null);
  await timeline.load();
}

interface ComparePageProps {
  readonly model: CompareModel;
  readonly choice?: ComponentChildren;
}

function ComparePage({ model, choice }: ComparePageProps) {
  // Fetched while the snapshots are read. What comes above other things would move them if it came after them.
  useEffect(() => {
    for (const { load } of tables) void load();
  }, []);
  const areHere = tables.every(({ component, failure }) => component.value ?? failure.value);
  const view = areHere ? model.view.value : undefined;
  return (
    <PageShell
      model={model}
      loading="Reading the snapshots…"
      {...(view === undefined ? {} : { onKeyDown: findInTable })}
    >
      {(state) => {
        if (view !== undefined) return <ShownComparison {...{ model, state, view, choice }} />;
        if (state.status === "working") return <WorkingView model={model} paths={state.paths} />;
        if (state.status === "ready") return <Loading label="Loading the tables…" />;
        return (
          <ErrorState what="The snapshots could not be compared." where={state.message}>
            <Button look="primary" onClick={() => model.host.notify("reload", null)}>
              Try again
            </Button>
            <Button onClick={() => model.host.notify("add", null)}>Add a snapshot…</Button>
          </ErrorState>
        );
      }}
    </PageShell>
  );
}

interface ShownComparisonProps extends ViewProps {
  readonly state: CompareState;
  readonly choice: ComponentChildren;
}

/** While the next comparison is computed, and where that fails or is stopped, the last one stays in sight. */
function ShownComparison({ model, state, view, choice }: ShownComparisonProps) {
  return (
    <>
      <CompareHeader model={model} view={view} choice={choice} />
      {model.working.value && <WorkingBar model={model} />}
      {state.status === "failed" && (
        <Banner
          tone="error"
          action={{ label: "Try again", onClick: () => model.host.notify("reload", null) }}
        >{`${safeText(state.message)} Shown is the comparison before.`}</Banner>
      )}
      <Comparison model={model} view={view} />
    </>
  );
}

/** The browser's own search would find only the few rows that are in the page. */
function findInTable(event: KeyboardEvent): void {
  if (!(event.ctrlKey || event.metaKey) || event.key !== "f") return;
  event.preventDefault();
  document.querySelector<HTMLElement>(".compare-filter")?.focus();
}

interface ViewProps {
  readonly model: CompareModel;
  readonly view: CompareView;
}

function CompareHeader({ model, view, choice }: ViewProps & { readonly choice: ComponentChildren }) {
  const count = view.columns.length;
  return (
    <header class="compare-header">
      <h1>
        <strong>Comparison</strong> <span class="dim">{plural(count, "snapshot")}</span>
      </h1>
      {choice}
      <Button
        disabled={count >= mostSnapshots}
        title={
          count >= mostSnapshots
            ? `At most ${mostSnapshots} snapshots side by side`
            : "Add snapshots to compare"
        }
        onClick={() => model.host.notify("add", null)}
      >
        Add…
      </Button>
      <Button look="icon" label="Read the snapshots again" onClick={() => model.host.notify("reload", null)}>
        <Icon name="refresh" />
      </Button>
    </header>
  );
}

function Comparison({ model, view }: ViewProps) {
  const detail = model.detail.value;
  const hasTensor = model.diff.selected.value !== undefined;
  useEffect(() => loadWhenIdle([moduleDetailPane, diffPane]), []);
  return (
    <SplitPane
      main={<Tables model={model} view={view} />}
      detail={
        hasTensor ? (
          <OnceLoaded part={diffPane}>{(DiffPane) => <DiffPane model={model} view={view} />}</OnceLoaded>
        ) : (
          detail && (
            <OnceLoaded part={moduleDetailPane}>
              {(ModuleDetailPane) => <ModuleDetailPane model={model} view={view} detail={detail} />}
            </OnceLoaded>
          )
        )
      }
      detailLabel={hasTensor ? "Tensor details" : "Module details"}
      share={model.viewState.value.detailShare}
      onShare={(detailShare) => model.change({ detailShare })}
    />
  );
}

/** A track of stages has neither branches nor gaps. */
function isMoreThanTrack(lineage: Lineage): boolean {
  return isBranched(lineage) || lineage.nodes.some(({ status }) => status === "missing");
}

/** Everything that scrolls together: what is said of the snapshots, then of their modules, in the same columns. */
function Tables({ model, view }: ViewProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState(0);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    // clientWidth is rounded: up to a pixel more than there is, over which the tables would scroll sideways.
    const measure = () =>
      setRoom(
        Math.floor(element.getBoundingClientRect().width) - (element.offsetWidth - element.clientWidth),
      );
    measure();
    element.scrollTo(model.scroll);
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const lineage = model.lineage.lineage.value;
  const { metrics: chosen, fit, sort } = model.viewState.value;
  const count = view.columns.length;
  const known = useMemo(() => new Set(knownMetrics(view)), [view]);
  const wanted = chosen.filter((metric) => known.has(metric));
  const widthOf = useMemo(() => metricWidths(view, wanted), [view, wanted.join()]);
  const tensors = model.diff.rows.value ?? view.tensors;
  const { wantedName, leastName, roomyName } = useMemo(() => nameWidths(view, tensors), [view, tensors]);
  const parts = diffPartWidths(model.diff.mostMismatches.value) ?? [];
  const narrowest = Math.max(
    narrowestColumn,
    parts.reduce((sum, each) => sum + each, 0),
  );
  const options = {
    widthOf,
    narrowest,
    leastName,
    roomyName,
    ...(wantedName === undefined ? {} : { wantedName }),
  };
  const fitting = fit
    ? fittingMetrics(room, count, wanted, isColumnSort(sort) ? sort.by : undefined, options)
    : wanted;
  // The same list while nothing about it changes: much is computed from it.
  const metrics = useMemo(() => fitting, [fitting.join()]);
  const widths = columnWidths(room, count, metrics, options);
  const shownLineage = lineage !== undefined && isMoreThanTrack(lineage) ? lineage : undefined;
  const unreadable = view.columns.filter(({ failure }) => failure !== undefined).length;
  return (
    <section
      ref={scroller}
      class="compare-scroll"
      aria-label="Comparison"
      aria-busy={model.working.value}
      onScroll={({ currentTarget }) =>
        model.rememberScroll(currentTarget.scrollLeft, currentTarget.scrollTop)
      }
    >
      <div class="compare-content" style={{ "--room": `${room}px`, "--name-width": `${widths.name}px` }}>
        <CompareLead model={model} view={view} hasTrack={shownLineage === undefined} />
        {shownLineage !== undefined ? (
          <OnceLoaded part={lineageView}>
            {(LineageView) => <LineageView host={model.host} lineage={shownLineage} view={view} />}
          </OnceLoaded>
        ) : (
          <StageTrack model={model} view={view} widths={widths} />
        )}
        <SnapshotTable model={model} columns={view.columns} widths={widths} />
        {view.modules.length > 0 && (
          <HeatSection model={model} view={view} widths={widths} scroller={scroller} />
        )}
        {view.modules.length > 0 && (
          <ModuleSection
            model={model}
            view={view}
            widths={widths}
            widthOf={widthOf}
            metrics={metrics}
            scroller={scroller}
          />
        )}
        <OnceLoaded part={diffSection}>
          {(DiffSection) => <DiffSection model={model} view={view} widths={widths} scroller={scroller} />}
        </OnceLoaded>
        {view.modules.length === 0 && model.diff.rows.value?.length === 0 && (
          <div class="compare-section-head">
            <Empty
              title={unreadable > 0 ? "Nothing is left to compare." : "These snapshots hold no tensors."}
            >
              <p>Remove the snapshots that can't be read, or add others.</p>
            </Empty>
          </div>
        )}
      </div>
    </section>
  );
}
