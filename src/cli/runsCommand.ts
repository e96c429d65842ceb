import { resolve } from "node:path";
import { runReport } from "../core/report/runsReport";
import { runText } from "../core/report/runsText";
import { nodeFiles } from "../worker/nodeFiles";
import { defineCommand, jsonFlag, onePath } from "./command";
import { findRuns } from "./findRuns";
import { warn } from "./output";

export const runsCommand = defineCommand({
  usage: "runs DIR [--json]",
  options: jsonFlag,
  async run(paths) {
    const root = resolve(onePath(paths));
    const { runs, problems } = await findRuns(root, { maxDepth: 32, maxFolders: 1_000_000 });
    for (const { severity, message } of problems) warn(`${severity}: ${message}`);
    const failed = (await nodeFiles.stat(root))?.kind !== "directory";
    return {
      failed,
      report: () => runs.map(({ run, training }) => runReport(run, training)),
      text: () => runs.map(({ run }) => runText(run)).join("\n\n") || "No checkpoints were found.",
    };
  },
});
