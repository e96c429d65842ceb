import { basename, resolve } from "node:path";
import { runReport } from "../core/report/runsReport";
import { runText } from "../core/report/runsText";
import { discoverRuns } from "../core/runs/discover/discover";
import { trainingViewOf } from "../core/runs/merge/mergedRunLog";
import { RunLogFollower } from "../core/runs/merge/runLogFollower";
import type { TrainingView } from "../core/runs/merge/trainingView";
import type { Run } from "../core/runs/run";
import { runStatusOf, withStatus } from "../core/runs/status/runStatus";
import { nodeFiles } from "../worker/nodeFiles";
import { ProbeCache } from "../worker/probeCache";
import { defineCommand, jsonFlag, onePath } from "./command";
import { warn } from "./output";

/** What looks at all checkpoints may read: there is no second search that goes on where this one stopped. */
const maxLooksBytes = 4_000_000_000;

export const runsCommand = defineCommand({
  usage: "runs DIR [--json]",
  options: jsonFlag,
  async run(paths, { json }) {
    const root = resolve(onePath(paths));
    const probes = new ProbeCache(nodeFiles, maxLooksBytes);
    const found = await discoverRuns(nodeFiles, [{ path: root, name: basename(root) }], {
      exclude: () => false,
      maxDepth: 32,
      maxFolders: 1_000_000,
      peek: (file, signal) => probes.peek(file, signal),
      judge: (file, signal) => probes.judge(file, [root], signal),
    });
    for (const { severity, message } of found.problems) warn(`${severity}: ${message}`);
    const failed = (await nodeFiles.stat(root))?.kind !== "directory";
    const read = found.runs.map(async (run) => await readRun(run));
    const runs = await Promise.all(read);
    if (json) return { failed, report: runs.map(({ run, training }) => runReport(run, training)) };
    const text = runs.map(({ run }) => runText(run)).join("\n\n");
    return { failed, text: text || "No checkpoints were found." };
  },
});

/** A run with what its logs say of it and of each of its checkpoints. */
async function readRun(run: Run): Promise<{ run: Run; training: TrainingView }> {
  const follower = new RunLogFollower(nodeFiles, run);
  await follower.poll();
  const status = runStatusOf(follower, run.checkpoints, []);
  return { run: withStatus(run, status), training: trainingViewOf(follower, run) };
}
