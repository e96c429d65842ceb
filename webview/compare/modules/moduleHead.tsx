import type { CompareMetric, SnapshotColumn } from "../../../src/core/compare/compareView";
import { Icon } from "../../ui/icon";
import { MiddleEllipsis } from "../../ui/names/middleEllipsis";
import { NamePrefix } from "../../ui/names/nameText";
import { safeText } from "../../ui/safeText";
import { metricsAt } from "../columnWidths";
import { metricInfos } from "../compareMetrics";
import type { ModuleSort } from "./moduleRows";

export interface ModuleHeadProps {
  readonly columns: readonly SnapshotColumn[];
  /** What all names begin with, where the rows leave it out. */
  readonly prefix: string;
  readonly metrics: readonly CompareMetric[];
  readonly sort: ModuleSort;
  readonly onSort: (sort: ModuleSort) => void;
}

/** Two lines that stay: the snapshots, and under each its numbers as buttons that sort. */
export function ModuleHead({ columns, prefix, metrics, sort, onSort }: ModuleHeadProps) {
  return (
    <thead>
      <tr>
        <th
          scope="col"
          rowSpan={2}
          class="name-cell"
          aria-sort={sort.by === "module" ? ariaSort(sort) : "none"}
        >
          <NamePrefix prefix={prefix} />
          <SortButton
            title="Module"
            sorted={sort.by === "module" ? sort : undefined}
            onClick={() => onSort({ by: "module", descending: sort.by === "module" && !sort.descending })}
          />
        </th>
        {columns.map(({ path, label }, at) => (
          <th
            key={path}
            scope="colgroup"
            class="snapshot-title"
            aria-label={safeText(label)}
            colSpan={Math.max(1, metricsAt(at, metrics).length)}
          >
            <MiddleEllipsis text={label} tail={14} />
          </th>
        ))}
      </tr>
      <tr>
        {columns.map(({ path, label }, at) => {
          const shown = metricsAt(at, metrics);
          if (shown.length === 0) return <td key={path} class="group-start" />;
          return shown.map((metric, index) => {
            const sorted = sort.by === metric && "path" in sort && sort.path === path ? sort : undefined;
            return (
              <th
                key={`${path} ${metric}`}
                scope="col"
                class={`metric-title ${index === 0 ? "group-start" : ""}`}
                aria-sort={sorted === undefined ? "none" : ariaSort(sorted)}
                title={metricInfos[metric].help}
              >
                <SortButton
                  title={metricInfos[metric].short}
                  label={`${metricInfos[metric].short} in ${safeText(label)}`}
                  sorted={sorted}
                  // Numbers are first wanted from the largest down.
                  onClick={() =>
                    onSort({ by: metric, path, descending: sorted === undefined || !sorted.descending })
                  }
                />
              </th>
            );
          });
        })}
      </tr>
    </thead>
  );
}

interface SortButtonProps {
  readonly title: string;
  readonly label?: string;
  readonly sorted: ModuleSort | undefined;
  readonly onClick: () => void;
}

function SortButton({ title, label, sorted, onClick }: SortButtonProps) {
  return (
    <button type="button" class="sort-button" aria-label={label} onClick={onClick}>
      <span>{title}</span>
      {sorted !== undefined && <Icon name={sorted.descending ? "arrowDown" : "arrowUp"} />}
    </button>
  );
}

function ariaSort({ descending }: ModuleSort): "ascending" | "descending" {
  return descending ? "descending" : "ascending";
}
