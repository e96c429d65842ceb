import { resolve } from "node:path";
import { baseProblems } from "../core/base/baseProblems";
import { CheckpointError } from "../core/problem/checkpointError";
import { unreadableReport, verifyCheckpoint, verifyText, withProblems } from "../core/report/verifyReport";
import { CheckpointSession } from "../core/session/checkpointSession";
import { nodeFiles } from "../worker/nodeFiles";
import { findInTensors } from "../worker/numbers/findInTensors";
import { baseSearch } from "./baseSearch";
import { defineCommand, jsonFlag, noUserStage, onePath } from "./command";

export const verifyCommand = defineCommand({
  usage: "verify PATH [--base PATH] [--quick] [--strict] [--json]",
  options: {
    ...jsonFlag,
    base: { type: "string" },
    quick: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
  },
  async run(paths, { json, base, quick, strict }) {
    const path = onePath(paths);
    const report = await CheckpointSession.open(nodeFiles, resolve(path), noUserStage).then(
      async (session) => {
        const report = await verifyCheckpoint(path, session, quick ? undefined : readValues);
        const place = { given: base === undefined ? undefined : resolve(base), ...baseSearch() };
        return withProblems(report, await baseProblems(nodeFiles, session, place));
      },
      (error: unknown) => {
        if (!(error instanceof CheckpointError)) throw error;
        return unreadableReport(path, error.toProblem());
      },
    );
    const hasWarnings = report.problems.some(({ severity }) => severity === "warning");
    const failed = !report.healthy || (strict && hasWarnings);
    return json ? { failed, report } : { failed, text: verifyText(report) };
  },
  failure: (paths, problem) => unreadableReport(paths[0] ?? "", problem),
});

const readValues = (session: CheckpointSession) => findInTensors(session, { stats: true, sha256: false });
