import { baseName } from "../../bytes/paths";
import type { Problem } from "../../problem/problem";
import { printable } from "../../text/printable";
import { formatBytes, formatCount, formatNumber, formatShare, plural } from "../../text/quantities";
import type { FactorWork } from "../../transform/factorQueue";
import { average } from "../../transform/model/average";
import { convert } from "../../transform/model/convert";
import { type MergedModule, merge } from "../../transform/model/merge";
import type { ModelTarget, WrittenModel } from "../../transform/model/writeModel";
import { relativeError } from "../convertReport";
import { makeCalmed, makeCombination, makeDialect } from "./adapterJobs";
import type { JobResult, JobTable } from "./modelJob";
import type { OpenJob } from "./openJob";

export interface JobTarget extends ModelTarget, Pick<FactorWork, "makeFactors"> {
  readonly toolVersion: string;
  readonly now: Date;
}

/**
 * Does what `planJob` said, and tells what it cost.
 * @throws CheckpointError those of `merge`, `convert` and `average`; nothing is left then.
 */
export async function makeModel(job: OpenJob, target: JobTarget): Promise<JobResult> {
  switch (job.kind) {
    case "merge":
      return mergeResult(await merge({ ...target, ...job }));
    case "convert": {
      const { plan, cost, ...written } = await convert({ ...target, source: job.source, options: job });
      const changed =
        cost.changed === 0
          ? "none: every value is what it was"
          : `${formatCount(cost.changed)}, by ${formatNumber(relativeError(cost))} of the norm`;
      const facts =
        plan.tied.length === 0
          ? []
          : [{ name: "Tied, written once", value: plural(plan.tied.length, "tensor") }];
      return resultOf("Saved as safetensors", written, [
        { name: "Values changed", value: changed },
        ...facts,
      ]);
    }
    case "combine":
      return makeCombination(job, target);
    case "dialect":
      return makeDialect(job, target);
    case "intruders":
      return makeCalmed(job, target);
    case "average": {
      const { snapshots } = job;
      const weights = snapshots.map(({ weight }) => weight);
      const sessions = snapshots.map(({ session }) => session);
      const { drift, taken, problems, ...written } = await average({
        ...target,
        snapshots: sessions,
        weights,
      });
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const rows = sessions.map(({ identity }, at) => [
        baseName(identity),
        formatShare((weights[at] ?? 0) / total),
        formatShare(drift[at] ?? 0),
      ]);
      const table = { title: "Snapshots", headings: ["Snapshot", "Weight", "Distance from the mean"], rows };
      const facts = taken === 0 ? [] : [{ name: "Taken from the first", value: plural(taken, "tensor") }];
      return resultOf(`The mean of ${snapshots.length} snapshots`, written, facts, table, problems);
    }
  }
}

/** Rounding that took more of an update than this should be known before the result is used. */
const notedShare = 0.01;

function mergeResult({
  plan,
  merged,
  ...written
}: WrittenModel & Awaited<ReturnType<typeof merge>>): JobResult {
  const sorted = [...merged].sort((a, b) => b.lostShare - a.lostShare);
  const noted = sorted.filter(({ lostShare }) => lostShare > notedShare);
  const worst = sorted[0]?.lostShare ?? 0;
  const rows = sorted.map(({ module, updateNorm, lostShare }: MergedModule) => [
    module,
    formatNumber(updateNorm),
    formatShare(lostShare),
  ]);
  const table = { title: "What rounding took", headings: ["Module", "‖ΔW‖", "Lost to rounding"], rows };
  const facts = [
    { name: "Modules merged", value: formatCount(plan.modules) },
    { name: "Most lost to rounding", value: `${formatShare(worst)} of ‖ΔW‖` },
  ];
  const notes: Problem[] =
    noted.length === 0
      ? []
      : [
          {
            severity: "warning",
            code: "RoundingLoss",
            message: `Rounding took more than 1 % of ‖ΔW‖ in ${plural(noted.length, "module")} of ${formatCount(merged.length)}; a result in F32 would keep it.`,
          },
        ];
  return resultOf("Merged into the base", written, facts, table, notes);
}

function resultOf(
  title: string,
  { path, files, tensors, bytes }: WrittenModel,
  own: JobResult["facts"],
  table?: JobTable,
  notes: readonly Problem[] = [],
): JobResult {
  const facts = [
    ...own,
    { name: "Tensors", value: formatCount(tensors) },
    { name: "Size", value: formatBytes(bytes) },
    { name: "Read back", value: "every byte" },
  ];
  return { path, facts, table, notes, report: markdown(title, { path, facts, table, notes }, files) };
}

function markdown(
  title: string,
  { path, facts, table, notes }: Omit<JobResult, "report">,
  files: readonly string[],
): string {
  const cell = (text: string) => printable(text).replace(/[\\|`*_<>[\]]/g, "\\$&");
  const row = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  const rule = (cells: readonly string[]) =>
    `|${cells.map((_, at) => (at === 0 ? " --- |" : " ---: |")).join("")}`;
  return [
    `# ${title}: ${cell(baseName(path))}`,
    "",
    cell(path),
    "",
    ...facts.map(({ name, value }) => `- ${name}: ${cell(value)}`),
    `- Files: ${files.map((file) => cell(baseName(file))).join(", ")}`,
    ...notes.map(({ message }) => `- **${cell(message)}**`),
    ...(table === undefined
      ? []
      : ["", `## ${table.title}`, "", row(table.headings), rule(table.headings), ...table.rows.map(row)]),
    "",
  ].join("\n");
}
