import { useId, useMemo } from "preact/hooks";
import type { CompareMetric, CompareView } from "../../../src/core/compare/compareView";
import { formatCount, plural } from "../../../src/core/text/quantities";
import { Checkbox, Dropdown, TextField } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { CopyButtons, type CopyButtonsProps } from "../../ui/tables/copyButtons";
import { knownMetrics, metricInfos } from "../compareMetrics";
import type { CompareModel } from "../compareModel";
import { type ColumnSort, isColumnSort, isInSubset, type ModuleSort, subsets } from "./moduleRows";

export interface ModuleToolbarProps {
  readonly model: CompareModel;
  readonly view: CompareView;
  readonly shown: number;
  /** Fewer than were chosen, where only what fits is shown. */
  readonly shownMetrics: readonly CompareMetric[];
  readonly copied: CopyButtonsProps["copied"];
}

export function ModuleToolbar({ model, view, shown, shownMetrics, copied }: ModuleToolbarProps) {
  const id = useId();
  const viewState = model.viewState.value;
  const counts = useMemo(
    () =>
      subsets.map(({ id: subset, label }) => ({
        subset,
        label,
        count: view.modules.filter((row) => isInSubset(row, subset, view.columns)).length,
      })),
    [view],
  );
  const known = useMemo(() => knownMetrics(view), [view]);
  const toggle = (metric: CompareMetric, on: boolean) => {
    const chosen = known.filter((each) => (each === metric ? on : viewState.metrics.includes(each)));
    // A table without numbers would be a list; the last one stays.
    if (chosen.length > 0) model.change({ metrics: chosen });
  };
  return (
    <>
      <div class="toolbar" role="toolbar" aria-label="Module table">
        <TextField
          class="compare-filter"
          label="Filter modules by name"
          placeholder="Filter modules by words"
          value={viewState.filter}
          onInput={(filter) => model.change({ filter })}
          onKeyDown={(event) => {
            if (event.key !== "ArrowDown") return;
            event.preventDefault();
            document.querySelector<HTMLElement>(".module-name[tabindex='0']")?.focus();
          }}
          start={<Icon name="search" />}
        />
        <Dropdown
          label="Which modules"
          value={viewState.subset}
          options={counts
            .filter(({ subset, count }) => subset === "all" || subset === viewState.subset || count > 0)
            .map(({ subset, label, count }) => ({
              value: subset,
              label: `${label} (${formatCount(count)})`,
            }))}
          onChange={(subset) => model.change({ subset: subset as typeof viewState.subset })}
        />
        <Dropdown
          // The toolkit selects no option that comes later; a list with another option is another list.
          key={isColumnSort(viewState.sort) ? columnSortLabel(viewState.sort, view) : ""}
          label="Sort modules"
          value={sortId(viewState.sort)}
          options={[
            { value: "module", label: "By name" },
            { value: "largestChange", label: "Largest change first" },
            ...(isColumnSort(viewState.sort)
              ? [{ value: "column", label: columnSortLabel(viewState.sort, view) }]
              : []),
          ]}
          onChange={(by) => {
            if (by === "module" || by === "largestChange")
              model.change({ sort: { by, descending: by === "largestChange" } });
          }}
        />
        <span class="dim number" role="status">
          {shown === view.modules.length
            ? plural(shown, "module")
            : `${formatCount(shown)} of ${plural(view.modules.length, "module")}`}
        </span>
        <span class="toolbar-rest">
          <button
            type="button"
            class="chip"
            aria-expanded={viewState.choosing}
            aria-controls={id}
            onClick={() => model.change({ choosing: !viewState.choosing })}
          >
            Columns
            <span class="dim number">{`${shownMetrics.length} of ${known.length}`}</span>
            <Icon name={viewState.choosing ? "chevronUp" : "chevronDown"} />
          </button>
          <button
            type="button"
            class="chip"
            aria-pressed={viewState.tint}
            title="Colour the cells by their share of the largest value"
            onClick={() => model.change({ tint: !viewState.tint })}
          >
            Tint
          </button>
          <CopyButtons what="the module table" copied={copied} onCopy={model.copy} />
        </span>
      </div>
      {viewState.choosing && (
        <fieldset class="metric-choice" id={id} aria-label="Columns of the module table">
          <Checkbox
            checked={viewState.fit}
            onChange={(fit) => model.change({ fit })}
            title="Leave out the least important ones where they would push snapshots out of sight"
          >
            Only what fits
          </Checkbox>
          <span class="metric-choice-rule" />
          {known.map((metric) => (
            <Checkbox
              key={metric}
              checked={viewState.metrics.includes(metric)}
              onChange={(on) => toggle(metric, on)}
              title={metricInfos[metric].help}
            >
              {metricInfos[metric].short}
              {viewState.metrics.includes(metric) && !shownMetrics.includes(metric) && (
                <span class="dim"> (no room)</span>
              )}
            </Checkbox>
          ))}
        </fieldset>
      )}
    </>
  );
}

function sortId(sort: ModuleSort): string {
  return isColumnSort(sort) ? "column" : sort.by;
}

function columnSortLabel(sort: ColumnSort, { columns }: CompareView): string {
  const label = columns.find(({ path }) => path === sort.path)?.label ?? "a removed snapshot";
  return `${metricInfos[sort.by].short} in ${label}`;
}
