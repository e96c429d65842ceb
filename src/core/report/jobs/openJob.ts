import type { Files } from "../../bytes/files";
import { CheckpointSession } from "../../session/checkpointSession";
import type { UserStage } from "../../session/stageOf";
import type { WeightedAdapter } from "../../transform/model/mergePlan";
import type { ModelJob, WeightedPath } from "./modelJob";

type Of<K extends ModelJob["kind"]> = Extract<ModelJob, { readonly kind: K }>;

/** A job with its checkpoints open. */
export type OpenJob =
  | (Omit<Of<"merge">, "base" | "adapters"> & {
      readonly base: CheckpointSession;
      readonly adapters: readonly WeightedAdapter[];
    })
  | (Omit<Of<"convert">, "source"> & { readonly source: CheckpointSession })
  | (Omit<Of<"dialect">, "source"> & { readonly source: CheckpointSession })
  | (Omit<Of<"intruders">, "adapter" | "base"> & {
      readonly adapter: CheckpointSession;
      readonly base: CheckpointSession;
    })
  | (Omit<Of<"combine">, "adapters"> & { readonly adapters: readonly WeightedAdapter[] })
  | (Omit<Of<"average">, "snapshots"> & { readonly snapshots: readonly WeightedAdapter[] });

/** @throws CheckpointError where one of them cannot be read. */
export async function openJob(
  job: ModelJob,
  files: Files,
  userStage: UserStage,
  signal?: AbortSignal,
): Promise<OpenJob> {
  const open = (path: string) => CheckpointSession.open(files, path, userStage, signal);
  const openAll = (paths: readonly WeightedPath[]): Promise<WeightedAdapter[]> =>
    Promise.all(paths.map(async ({ path, weight }) => ({ session: await open(path), weight })));
  switch (job.kind) {
    case "merge":
      return { ...job, base: await open(job.base), adapters: await openAll(job.adapters) };
    case "convert":
      return { ...job, source: await open(job.source) };
    case "dialect":
      return { ...job, source: await open(job.source) };
    case "intruders":
      return { ...job, adapter: await open(job.adapter), base: await open(job.base) };
    case "combine":
      return { ...job, adapters: await openAll(job.adapters) };
    case "average":
      return { ...job, snapshots: await openAll(job.snapshots) };
  }
}
