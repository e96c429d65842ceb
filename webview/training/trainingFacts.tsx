import type { RunHead } from "../../src/core/runs/merge/runHead";
import { formatCount, formatNumber, formatShare, plural } from "../../src/core/text/quantities";
import { Problems } from "../ui/problems";
import { Section } from "../ui/section";
import { KeyValueTable } from "../ui/tables/keyValueTable";

/** What the log says about the training as a whole, which is no point of any line. */
export function TrainingFacts({ head }: { readonly head: RunHead }) {
  const { maxSteps, summary, notes, problems, metrics, omittedMetrics } = head;
  const last = Math.max(...metrics.map(({ lastStep }) => lastStep), 0);
  const rows: (readonly [string, string])[] = [];
  if (maxSteps !== undefined && maxSteps > 0) {
    const share =
      last > 0 && last <= maxSteps
        ? ` (logged up to ${formatCount(last)}, ${formatShare(last / maxSteps)})`
        : "";
    rows.push(["Planned steps", `${formatCount(maxSteps)}${share}`]);
  }
  for (const [name, value] of summary) rows.push([name, factText(name, value)]);
  rows.push(...notes);
  if (omittedMetrics > 0) rows.push(["Not shown", plural(omittedMetrics, "more metric")]);
  return (
    <>
      {rows.length > 0 && (
        <Section title="Training as a whole" class="training-facts">
          <KeyValueTable label="Training as a whole" rows={rows} plain />
        </Section>
      )}
      {problems.length > 0 && (
        <Section title="About this log" class="training-facts">
          <Problems problems={problems} />
        </Section>
      )}
    </>
  );
}

function factText(name: string, value: number): string {
  if (!/runtime$/.test(name) || !(value >= 60)) return formatNumber(value, 6);
  const minutes = Math.floor(value / 60);
  const rest =
    minutes < 60
      ? `${minutes} min ${Math.round(value % 60)} s`
      : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${formatNumber(value, 6)} s (${rest})`;
}
