import "../common";
import type { RefObject } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type { CompareView } from "../../../src/core/compare/compareView";
import {
  costText,
  quantisationCost,
  type TypedRow,
} from "../../../src/core/compare/tensors/quantisationCost";
import { byteProgressText } from "../../../src/core/text/byteProgress";
import { formatBytes, formatCount, plural } from "../../../src/core/text/quantities";
import { Button, TextField } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { Problems } from "../../ui/problems";
import { safeText } from "../../ui/safeText";
import { Banner, Loading } from "../../ui/states";
import { CopyButtons, type CopyFormat } from "../../ui/tables/copyButtons";
import type { ColumnWidths } from "../columnWidths";
import { formatChange } from "../compareFormat";
import type { CompareModel } from "../compareModel";
import { DiffHeat } from "./diffHeat";
import type { DiffModel } from "./diffModel";
import {
  countStates,
  diffStatuses,
  diffText,
  pairOfColumn,
  queryRows,
  type StatedRow,
  statedRows,
  summariseDiff,
} from "./diffRows";
import { DiffTableView } from "./diffTableView";

export interface DiffSectionProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  readonly widths: ColumnWidths;
  readonly scroller: RefObject<HTMLElement | null>;
}

/** The tensors of all snapshots by name: what differs in layout, and on demand by how much their values differ. */
export function DiffSection({ model, view, widths, scroller }: DiffSectionProps) {
  const { diff } = model;
  const rows = diff.rows.value;
  const failure = diff.failure.value;
  const isOurs = view.columns.every(({ path }, at) => diff.paths.value[at] === path);
  if (failure !== undefined) {
    return (
      <section class="compare-section compare-section-head" aria-label="Tensors">
        <Banner tone="error">{`The tensors could not be aligned. ${safeText(failure.message)}`}</Banner>
      </section>
    );
  }
  if (rows === undefined || !isOurs) {
    return (
      <section class="compare-section compare-section-head" aria-label="Tensors">
        <Loading label="Aligning the tensors by name…" />
      </section>
    );
  }
  if (rows.length === 0) return null;
  return <Tensors model={model} view={view} widths={widths} scroller={scroller} />;
}

function Tensors({ model, view, widths, scroller }: DiffSectionProps) {
  const { diff } = model;
  const { tensorFilter: filter, tensorStatus } = model.viewState.value;
  const viewState = diff.viewState.value;
  const version = diff.version.value;
  const { table } = diff;
  const columns = view.columns.length;
  const before = useRef<{ readonly of: unknown; readonly rows: readonly StatedRow[] }>(undefined);
  const stated = useMemo(() => {
    const all = diff.rows.value ?? [];
    const stale = before.current?.of === all ? before.current.rows : undefined;
    const rows = statedRows(all, table, stale);
    before.current = { of: all, rows };
    return rows;
  }, [diff.rows.value, table, version]);
  // What optimizers keep stands behind the weights, and is no part of what is said of these.
  const weightCount = stated.findIndex(({ part }) => part !== undefined);
  const hasStates = weightCount >= 0;
  const weights = useMemo(
    () => (hasStates ? stated.slice(0, weightCount) : stated),
    [stated, weightCount, hasStates],
  );
  const counts = useMemo(() => countStates(weights), [weights]);
  const status = counts.has((tensorStatus ?? "") as StatedRow["state"]) ? tensorStatus : undefined;
  const rows = useMemo(
    () => queryRows(weights, table, { filter, status, viewState, columns }),
    [weights, filter, status, viewState, columns],
  );
  const states = useMemo(
    () =>
      hasStates && viewState.showsOptimizer
        ? queryRows(stated.slice(weightCount), table, { filter, status, viewState, columns })
        : [],
    [stated, weightCount, hasStates, filter, status, viewState, columns],
  );
  const shared = { diff, view, table, version, widths, scroller };
  const labels = view.columns.map(({ label }) => label);
  const copied = (format: CopyFormat) => {
    const text = diffText(
      [...rows, ...states],
      table,
      labels,
      viewState.against,
      format === "CSV" ? "all" : "shown",
    );
    return { table: text, what: plural(text.rows.length, "tensor") };
  };
  return (
    <section class="compare-section" aria-label="Tensors">
      <div class="compare-section-head">
        <h2 class="section-title">Tensors</h2>
        <DiffProgress model={model} diff={diff} />
        <Summaries view={view} diff={diff} rows={weights} />
      </div>
      {viewState.showsMap && table.length > 0 && (
        <DiffHeat model={model} view={view} widths={widths} rows={weights} />
      )}
      <div class="compare-section-head diff-table-head">
        <div class="toolbar" role="toolbar" aria-label="Tensor table">
          <TextField
            class="compare-filter"
            label="Filter tensors by name"
            placeholder="Filter tensors by words"
            value={filter}
            onInput={(text) => model.change({ tensorFilter: text })}
            start={<Icon name="search" />}
          />
          <fieldset class="chips" aria-label="Status">
            {diffStatuses
              .filter(({ id }) => (counts.get(id) ?? 0) > 0)
              .map(({ id, label, help }) => (
                <button
                  key={id}
                  type="button"
                  class="chip"
                  aria-pressed={status === id}
                  title={help}
                  onClick={() => model.change({ tensorStatus: status === id ? undefined : id })}
                >
                  {label}
                  <span class="dim number">{formatCount(counts.get(id) ?? 0)}</span>
                </button>
              ))}
          </fieldset>
          {columns > 2 && (
            <fieldset class="chips" aria-label="Differences are counted from">
              {(["first", "previous"] as const).map((each) => (
                <button
                  key={each}
                  type="button"
                  class="chip"
                  aria-pressed={viewState.against === each}
                  onClick={() => diff.change({ against: each })}
                >
                  {each === "first" ? "against the first" : "against the left neighbour"}
                </button>
              ))}
            </fieldset>
          )}
          <span class="dim number" role="status">
            {rows.length === weights.length
              ? plural(rows.length, "tensor")
              : `${formatCount(rows.length)} of ${plural(weights.length, "tensor")}`}
          </span>
          <span class="toolbar-rest">
            {table.length > 0 && (
              <button
                type="button"
                class="chip"
                aria-pressed={viewState.showsMap}
                title="Relative L2 by layer and kind"
                onClick={() => diff.change({ showsMap: !viewState.showsMap })}
              >
                Heat map
              </button>
            )}
            <CopyButtons what="the tensor table" copied={copied} onCopy={model.copy} />
          </span>
        </div>
      </div>
      <DiffTableView label="Tensors" rows={rows} {...shared} />
      {rows.length === 0 && (
        <p class="compare-none">
          <span class="dim">No tensor matches the filter.</span>
          <Button onClick={() => model.change({ tensorFilter: "", tensorStatus: undefined })}>
            Show all tensors
          </Button>
        </p>
      )}
      {hasStates && (
        <>
          <h3 class="compare-section-head section-title diff-states-title">
            <button
              type="button"
              aria-expanded={viewState.showsOptimizer}
              onClick={() => diff.change({ showsOptimizer: !viewState.showsOptimizer })}
            >
              <Icon name={viewState.showsOptimizer ? "chevronDown" : "chevronRight"} />
              Optimizer state and other values
              <span class="section-note">{plural(stated.length - weightCount, "tensor")}</span>
            </button>
          </h3>
          {viewState.showsOptimizer && (
            <DiffTableView label="Optimizer state and other values" rows={states} {...shared} />
          )}
        </>
      )}
    </section>
  );
}

/** The button that begins, how far it is, and how it ended. */
function DiffProgress({ model, diff }: { readonly model: CompareModel; readonly diff: DiffModel }) {
  const state = diff.state.value;
  const bytes = useMemo(
    () => (diff.rows.value ?? []).reduce((sum, row) => sum + row.bytes, 0),
    [diff.rows.value],
  );
  switch (state.status) {
    case "running":
      return (
        <div class="diff-progress">
          <p role="status" class="number">{`Comparing values: ${byteProgressText(state)}`}</p>
          <progress
            aria-label="Comparing values"
            {...(state.totalBytes > 0 ? { value: state.doneBytes, max: state.totalBytes } : {})}
          />
          <Button onClick={() => diff.stop()}>Cancel</Button>
        </div>
      );
    case "done":
      return (
        <>
          <p class="dim number">{`Values compared: ${formatBytes(state.totalBytes)} read in ${seconds(state.elapsedMs)}.`}</p>
          <Problems problems={state.problems} />
        </>
      );
    case "failed":
      return (
        <Banner
          tone="error"
          action={{ label: "Read the snapshots again", onClick: () => model.host.notify("reload", null) }}
        >{`The values could not be compared. ${safeText(state.message ?? "")}`}</Banner>
      );
    default:
      return (
        <div class="diff-progress">
          <Button look="primary" onClick={() => diff.start()}>
            {state.status === "stopped" ? "Go on comparing values" : "Compare values"}
          </Button>
          <span class="dim number">
            {state.status === "stopped"
              ? "Stopped. What was compared stands."
              : `Names, shapes and dtypes are compared. Values are ${formatBytes(bytes)} to read.`}
          </span>
        </div>
      );
  }
}

function seconds(elapsedMs: number): string {
  return elapsedMs < 100 ? "less than 0.1 s" : `${(elapsedMs / 1000).toFixed(elapsedMs < 10_000 ? 1 : 0)} s`;
}

/** The types behind "Q8_0 [32, 64]". */
function shownTypes(rows: readonly StatedRow[]): readonly TypedRow[] {
  return rows.map(({ index, name, layouts, part }) => {
    return { index, name, part, types: layouts.map((layout) => layout?.split(" [", 1)[0]) };
  });
}

interface SummariesProps {
  readonly view: CompareView;
  readonly diff: DiffModel;
  readonly rows: readonly StatedRow[];
}

/** One sentence a snapshot: how much of it changed, and where most. */
function Summaries({ view, diff, rows }: SummariesProps) {
  const { against } = diff.viewState.value;
  const columns = view.columns.length;
  const summaries = useMemo(
    () =>
      view.columns.slice(1).map((_, at) => {
        const pair = pairOfColumn(at + 1, columns, against) ?? 0;
        const { a: from = 0, b: to = at + 1 } = diff.table.pairs[pair] ?? {};
        const cost = costText(quantisationCost(shownTypes(rows), from, to, diff.table));
        return { pair, summary: summariseDiff(rows, diff.table, pair), cost };
      }),
    [rows, against, columns],
  );
  if (diff.table.length === 0) return null;
  return (
    <ul class="diff-summaries" aria-label="What changed">
      {summaries.map(({ pair, summary, cost }, at) => {
        const { compared, changed, relativeL2, largest, broken } = summary;
        if (compared === 0) return null;
        const [from, to] = [diff.table.pairs[pair]?.a ?? 0, at + 1];
        return (
          <li key={view.columns[to]?.path}>
            <strong>{safeText(`${view.columns[from]?.label} → ${view.columns[to]?.label}`)}</strong>
            {changed === 0
              ? `: all ${plural(compared, "compared tensor")} equal`
              : `: ${formatCount(changed)} of ${plural(compared, "tensor")} changed, relative L2 ${formatChange(relativeL2)}`}
            {broken > 0 && (
              <span class="error">{`, ${plural(broken, "tensor")} with new NaN or infinity`}</span>
            )}
            {largest !== undefined && (
              <>
                {", most in "}
                <button type="button" class="link mono" onClick={() => diff.select(largest.row.index, pair)}>
                  {safeText(largest.row.name)}
                </button>
                {` (${formatChange(largest.relativeL2)})`}
              </>
            )}
            {cost !== undefined && <span class="dim">{`; ${safeText(cost)}`}</span>}
          </li>
        );
      })}
    </ul>
  );
}
