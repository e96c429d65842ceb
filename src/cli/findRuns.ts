import { basename } from "node:path";
import { SeenFiles } from "../core/bytes/seenFiles";
import type { Problem } from "../core/problem/problem";
import { discoverRuns } from "../core/runs/discover/discover";
import { LogDigests } from "../core/runs/discover/logDigests";
import { LogStore } from "../core/runs/merge/logStore";
import { RunLogFollower } from "../core/runs/merge/runLogFollower";
import type { TrainingView } from "../core/runs/merge/trainingView";
import { trainingViewOf } from "../core/runs/merge/trainingViewOf";
import type { Run } from "../core/runs/run";
import { runStatusOf, withStatus } from "../core/runs/status/runStatus";
import { nodeFiles } from "../worker/nodeFiles";
import { ProbeCache } from "../worker/probeCache";

/** What looks at all checkpoints may read: there is no second search that goes on where this one stopped. */
const maxLooksBytes = 4_000_000_000;

/** A run with what its logs say of it and of each of its checkpoints. */
export interface ReadRun {
  readonly run: Run;
  readonly training: TrainingView;
}

/** The runs below a folder, with their logs. */
export async function findRuns(
  root: string,
  { maxDepth, maxFolders }: { readonly maxDepth: number; readonly maxFolders: number },
): Promise<{ readonly runs: readonly ReadRun[]; readonly problems: readonly Problem[] }> {
  const logs = new LogStore(nodeFiles);
  const probes = new ProbeCache(nodeFiles, maxLooksBytes);
  const seen = new SeenFiles(nodeFiles);
  const { runs, problems } = await discoverRuns(seen, [{ path: root, name: basename(root) }], {
    exclude: () => false,
    maxDepth,
    maxFolders,
    digests: new LogDigests(logs),
    peek: (file, signal) => probes.peek(file, signal, seen),
    judge: (file, signal) => probes.judge(file, [root], signal, seen),
  }).finally(() => seen.close());
  return { runs: await Promise.all(runs.map((run) => readRun(logs, run))), problems };
}

async function readRun(logs: LogStore, run: Run): Promise<ReadRun> {
  const follower = new RunLogFollower(logs, run);
  await follower.poll();
  const status = runStatusOf(follower, run.checkpoints, []);
  return { run: withStatus(run, status), training: trainingViewOf(follower, run) };
}
