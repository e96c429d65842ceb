import { useId } from "preact/hooks";
import { formatBytes, formatCount, plural } from "../../../src/core/text/quantities";
import { Button, TextField } from "../../ui/controls";
import { Icon } from "../../ui/icon";
import { NameColumn } from "../../ui/names/nameColumn";
import { safeText } from "../../ui/safeText";
import { CopyTableButtons } from "../../ui/tables/copyTableButtons";
import { ScanBar } from "../numbers/scanBar";
import { parameterText } from "../parameterText";
import { allClosed, allOpen } from "./expansion";
import { numberCells, tensorColumns } from "./tensorColumns";
import type { TensorsTabProps } from "./tensorsTab";

/** Finding: by words or pattern, by dtype; and how much was found. */
export function TensorToolbar({ model, summary }: TensorsTabProps) {
  const { tensors } = model;
  const errorId = useId();
  const problem = tensors.filtered.value?.problem;
  const isTree = tensors.view.value === "tree";
  return (
    <div class="tensor-toolbar">
      <div class="toolbar">
        <div class="tensor-filter">
          <TextField
            label="Filter tensors by name"
            placeholder={
              tensors.regex.value ? "Filter by regular expression" : "Filter by words, e.g. q_proj 12"
            }
            value={tensors.text.value}
            onInput={(text) => tensors.setText(text)}
            onKeyDown={(event) => {
              if (event.key === "Escape") tensors.setText("");
            }}
            invalid={problem !== undefined}
            describedBy={problem === undefined ? undefined : errorId}
            start={<Icon name="search" />}
          />
          <button
            type="button"
            class="chip mono"
            aria-pressed={tensors.regex.value}
            aria-label="Use regular expression"
            title="Use regular expression"
            onClick={() => (tensors.regex.value = !tensors.regex.value)}
          >
            .*
          </button>
        </div>
        <DtypeFilter model={model} summary={summary} />
        <OutlierFilter model={model} />
        <span class="toolbar-rest">
          {isTree && (
            <>
              <Button look="icon" label="Expand all (*)" onClick={() => tensors.setAllExpanded(allOpen)}>
                <Icon name="expandAll" />
              </Button>
              <Button look="icon" label="Collapse all" onClick={() => tensors.setAllExpanded(allClosed)}>
                <Icon name="collapseAll" />
              </Button>
            </>
          )}
          <ScanActions model={model} />
          <span class="segments" role="group" aria-label="View">
            <ViewButton model={model} view="tree" label="Tree" />
            <ViewButton model={model} view="table" label="Table" />
          </span>
        </span>
      </div>
      {problem !== undefined && (
        <p class="filter-problem error" id={errorId} role="alert">
          {`Not a regular expression: ${safeText(problem)}. What is shown matches the last one that was.`}
        </p>
      )}
      <ScanBar model={model} />
      <TensorCounts model={model} summary={summary} />
    </div>
  );
}

/** Begins a scan; once there are numbers, says whether the columns show them. */
function ScanActions({ model }: Pick<TensorsTabProps, "model">) {
  const status = model.scan.state.value?.status ?? "none";
  const { showsNumbers } = model.tensors;
  if (status === "none") {
    return (
      <>
        <Button
          title="Reads every tensor once: statistics, NaN, dead rows, duplicates and outliers"
          onClick={() => model.scan.start()}
        >
          Scan values
        </Button>
        <button
          type="button"
          class="link"
          title="Takes what checkpoint-explorer scan wrote of these files, on this machine or a cluster, in place of reading them"
          onClick={() => model.host.notify("readScan", null)}
        >
          Read Scan…
        </button>
      </>
    );
  }
  return (
    <button
      type="button"
      class="chip"
      aria-pressed={showsNumbers.value}
      title="Columns of what the scan measured, in place of sizes and offsets"
      onClick={() => (showsNumbers.value = !showsNumbers.value)}
    >
      Numbers
    </button>
  );
}

function ViewButton({
  model,
  view,
  label,
}: {
  model: TensorsTabProps["model"];
  view: "tree" | "table";
  label: string;
}) {
  const { tensors } = model;
  return (
    <button
      type="button"
      class="chip"
      aria-pressed={tensors.view.value === view}
      onClick={() => (tensors.view.value = view)}
    >
      <Icon name={view} /> {label}
    </button>
  );
}

/** With a single dtype there is nothing to choose. */
function DtypeFilter({ model, summary }: TensorsTabProps) {
  const { tensors } = model;
  if (summary.dtypes.length < 2) return null;
  return (
    <div class="chips" role="group" aria-label="Filter by dtype">
      {summary.dtypes.map(({ dtype, tensors: count }) => (
        <button
          key={dtype}
          type="button"
          class="chip"
          aria-pressed={tensors.dtypes.value.includes(dtype)}
          onClick={() => tensors.toggleDtype(dtype)}
        >
          <span class="mono">{safeText(dtype)}</span>
          <span class="dim">{formatCount(count)}</span>
        </button>
      ))}
    </div>
  );
}

function OutlierFilter({ model }: Pick<TensorsTabProps, "model">) {
  const { onlyOutliers } = model.tensors;
  const count = model.scan.outliers.value.size;
  if (count === 0) return null;
  return (
    <button
      type="button"
      class="chip"
      aria-pressed={onlyOutliers.value}
      title="Only tensors whose std or abs max stands out among the same tensors of other layers"
      onClick={() => (onlyOutliers.value = !onlyOutliers.value)}
    >
      Outliers <span class="dim">{formatCount(count)}</span>
    </button>
  );
}

function TensorCounts({ model, summary }: TensorsTabProps) {
  const { tensors } = model;
  const loaded = tensors.loaded.value;
  const filtered = tensors.filtered.value;
  if (loaded === undefined || filtered === undefined) return null;
  const count = filtered.rows.length;
  // The whole is known before all of its rows are.
  const whole = { parameters: summary.parameterCount, bytes: summary.tensorBytes };
  const found = filtered.active ? filtered : whole;
  const isTree = tensors.view.value === "tree";
  return (
    <div class="tensor-counts">
      <p role="status">
        {filtered.active
          ? `${formatCount(count)} of ${plural(loaded.total, "tensor")}`
          : plural(loaded.total, "tensor")}
        {` · ${parameterText(found.parameters)} · ${formatBytes(found.bytes)}`}
        {loaded.loaded < loaded.total && (
          <span class="dim">{` · loading ${formatCount(loaded.loaded)} of ${formatCount(loaded.total)}`}</span>
        )}
      </p>
      {!isTree && (
        <CopyTableButtons
          columns={tensorColumns(
            loaded,
            tensors.sorted.value,
            NameColumn.of([]),
            summary,
            numberCells(model),
          )}
          count={count}
          onCopy={(text, what) => model.host.notify("copy", { text, what })}
        />
      )}
    </div>
  );
}
