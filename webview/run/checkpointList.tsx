import { useMemo, useState } from "preact/hooks";
import type { RunMarker } from "../../src/core/runs/merge/runHead";
import { evalLossKeyOf, lossKeyOf } from "../../src/core/runs/series/runProgress";
import { shortestFormat } from "../../src/core/text/columnFormat";
import { formatCount, plural } from "../../src/core/text/quantities";
import type { DrawnRun } from "../training/chartPlans";
import { formatOfMetric } from "../training/chartTable";
import { safeText } from "../ui/safeText";
import { Section } from "../ui/section";
import { type Column, DataTable } from "../ui/tables/dataTable";
import { rowHeight } from "../ui/tables/rowHeight";
import type { RunHost } from "./runModel";
import { questionKey, useValuesAt } from "./valuesAt";

export interface CheckpointListProps {
  readonly host: RunHost;
  readonly run: DrawnRun;
  readonly onOpen: (path: string) => void;
}

/** Its steps fit one question. */
const maxAsked = 2000;
const mostRows = 20;

/** The saved moments of the run with what the log says about each. */
export function CheckpointList({ host, run, onOpen }: CheckpointListProps) {
  const { checkpoints, unplaced = 0, metrics } = run.head;
  const [selected, setSelected] = useState<number>();
  const keys = metrics.map(({ key }) => key);
  const losses = [lossKeyOf(keys), evalLossKeyOf(keys)].flatMap(
    (key) => metrics.find((metric) => metric.key === key) ?? [],
  );
  const questions = useMemo(
    () =>
      losses
        .flatMap(({ key }) => checkpoints.map(({ step }) => ({ run: run.id, key, step })))
        .slice(-maxAsked),
    [run],
  );
  const values = useValuesAt(host, questions, run);
  if (checkpoints.length === 0) {
    return (
      <Section title="Checkpoints">
        <p class="dim">
          {unplaced === 0
            ? "No checkpoints were found in this run."
            : `The step of ${plural(unplaced, "checkpoint")} is not known.`}
        </p>
      </Section>
    );
  }
  const formatEpoch = shortestFormat(checkpoints.map(({ epoch }) => epoch));
  const columns: Column[] = [
    {
      id: "name",
      title: "Checkpoint",
      width: "minmax(180px, 320px)",
      cell: (row) => <CheckpointName marker={checkpoints[row]} onOpen={onOpen} />,
      text: (row) => checkpoints[row]?.name ?? "",
    },
    {
      id: "step",
      title: "Step",
      width: "90px",
      align: "end",
      cell: (row) => formatCount(checkpoints[row]?.step ?? Number.NaN),
    },
    {
      id: "epoch",
      title: "Epoch",
      width: "80px",
      align: "end",
      cell: (row) => {
        const epoch = checkpoints[row]?.epoch ?? Number.NaN;
        return Number.isFinite(epoch) ? formatEpoch(epoch) : "–";
      },
    },
    ...losses.map((metric): Column => {
      const format = formatOfMetric(metric);
      return {
        id: metric.key,
        title: safeText(metric.label),
        help: "Logged last at or before this step",
        width: "100px",
        align: "end",
        cell: (row) => {
          const step = checkpoints[row]?.step ?? Number.NaN;
          // Before anything was logged, or while the answer is on its way.
          if (step < metric.firstStep) return "–";
          const value = values.get(questionKey({ run: run.id, key: metric.key, step }));
          return value === undefined ? "" : format(value);
        },
      };
    }),
  ];
  const rows = Math.min(mostRows, checkpoints.length);
  return (
    <Section title="Checkpoints" note={noteOf(checkpoints.length, unplaced)} class="run-checkpoints">
      <div class="run-checkpoints-table" style={{ height: `${(rows + 1) * rowHeight + 4}px` }}>
        <DataTable
          label="Checkpoints"
          columns={columns}
          count={checkpoints.length}
          rowKey={(row) => checkpoints[row]?.path ?? row}
          selected={selected}
          onSelect={setSelected}
          onOpen={(row) => {
            const marker = checkpoints[row];
            if (marker !== undefined) onOpen(marker.path);
          }}
        />
      </div>
    </Section>
  );
}

function noteOf(placed: number, unplaced: number): string {
  const more = unplaced === 0 ? "" : `, ${formatCount(unplaced)} more without a known step`;
  return `${plural(placed, "checkpoint")}${more}`;
}

interface CheckpointNameProps {
  readonly marker: RunMarker | undefined;
  readonly onOpen: (path: string) => void;
}

function CheckpointName({ marker, onOpen }: CheckpointNameProps) {
  if (marker === undefined) return null;
  const badges = [
    ...(marker.best ? ["best"] : []),
    ...(marker.last ? ["last"] : []),
    ...(marker.incomplete ? ["not whole"] : []),
  ];
  return (
    <span class="checkpoint-name">
      <button type="button" class="link ellipsis" tabIndex={-1} onClick={() => onOpen(marker.path)}>
        {safeText(marker.name)}
      </button>
      {badges.map((badge) => (
        <span key={badge} class={`checkpoint-badge badge-${badge.replace(" ", "-")}`}>
          {badge}
        </span>
      ))}
    </span>
  );
}
