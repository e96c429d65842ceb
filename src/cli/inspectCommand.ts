import { resolve } from "node:path";
import { baseProblems } from "../core/base/baseProblems";
import { mergeProblems } from "../core/problem/problem";
import { failedReport, hasReadingErrors, inspectReport } from "../core/report/inspectReport";
import { inspectText } from "../core/report/reportText";
import { CheckpointSession } from "../core/session/checkpointSession";
import { nodeFiles } from "../worker/nodeFiles";
import { findInTensors } from "../worker/numbers/findInTensors";
import { baseSearch } from "./baseSearch";
import { defineCommand, jsonFlag, noUserStage, onePath } from "./command";

export const inspectCommand = defineCommand({
  usage: "inspect PATH [--json] [--stats] [--sha256] [--show-secrets]",
  options: {
    ...jsonFlag,
    stats: { type: "boolean", default: false },
    sha256: { type: "boolean", default: false },
    "show-secrets": { type: "boolean", default: false },
  },
  jsonFlags: ["stats", "sha256"],
  async run(paths, { json, stats, sha256, "show-secrets": showSecrets }) {
    const path = onePath(paths);
    const session = await CheckpointSession.open(nodeFiles, resolve(path), noUserStage);
    const failed = hasReadingErrors(session);
    const ofBase = await baseProblems(nodeFiles, session, baseSearch());
    if (!json && !stats && !sha256) {
      const lora = await session.lora();
      const summary = { ...session.summary(), problems: mergeProblems(await session.health(), ofBase) };
      const resume = await session.resume();
      const text = inspectText(summary, session.checkpoint.tensors, lora, resume, session.parts());
      return { failed, text };
    }
    const values = await findInTensors(session, { stats, sha256 });
    const report = await inspectReport(path, session, values, { showSecrets, ofBase });
    return { failed: failed || values.problems.length > 0, report };
  },
  failure: (paths, problem) => failedReport(paths[0] ?? "", problem),
});
