import { basename, resolve } from "node:path";
import { runText } from "../core/report/reportText";
import { runReport } from "../core/report/runsReport";
import { discoverRuns } from "../core/runs/discover/discover";
import { mergedRunLog } from "../core/runs/merge/mergedRunLog";
import { nodeFiles } from "../worker/nodeFiles";
import { ProbeCache } from "../worker/probeCache";
import { defineCommand, jsonFlag, onePath } from "./command";
import { warn } from "./output";

export const runsCommand = defineCommand({
  usage: "runs DIR [--json]",
  options: jsonFlag,
  async run(paths, { json }) {
    const root = resolve(onePath(paths));
    const probes = new ProbeCache(nodeFiles);
    const found = await discoverRuns(nodeFiles, [{ path: root, name: basename(root) }], {
      exclude: () => false,
      maxDepth: 32,
      maxFolders: 1_000_000,
      peek: (file, signal) => probes.peek(file, signal),
    });
    for (const { severity, message } of found.problems) warn(`${severity}: ${message}`);
    const failed = (await nodeFiles.stat(root))?.kind !== "directory";
    if (!json) return { failed, text: found.runs.map(runText).join("\n\n") || "No checkpoints were found." };
    const report = await Promise.all(
      found.runs.map(async (run) => runReport(run, await mergedRunLog(nodeFiles, run))),
    );
    return { failed, report };
  },
});
