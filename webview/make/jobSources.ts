import type { ModelJob, WeightedPath } from "../../src/core/report/jobs/modelJob";

/** Sources of a job that count more or less, and of which there may be more. */
export function weightedOf(job: ModelJob): readonly WeightedPath[] {
  if (job.kind === "merge" || job.kind === "combine") return job.adapters;
  return job.kind === "average" ? job.snapshots : [];
}

export function withWeighted(job: ModelJob, sources: readonly WeightedPath[]): ModelJob {
  if (job.kind === "merge" || job.kind === "combine") return { ...job, adapters: sources };
  return job.kind === "average" ? { ...job, snapshots: sources } : job;
}

/** An average of one is none, and a merge needs an adapter. */
export function fewestOf({ kind }: ModelJob): number {
  return kind === "average" ? 2 : 1;
}
