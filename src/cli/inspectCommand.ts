import { resolve } from "node:path";
import { baseProblems } from "../core/base/baseProblems";
import { compareWithBase } from "../core/base/compareWithBase";
import { isTorchFile } from "../core/formats/fileKinds";
import { CheckpointError } from "../core/problem/checkpointError";
import { mergeProblems } from "../core/problem/problem";
import type { OverBase } from "../core/report/baseReport";
import { failedReport, hasReadingErrors, inspectReport } from "../core/report/inspectReport";
import { inspectText } from "../core/report/reportText";
import { runFolderReport, runFolderText } from "../core/report/runFolder";
import type { CheckpointSession } from "../core/session/checkpointSession";
import { exactHalf } from "../core/session/exactHalf";
import { sampledFindings } from "../core/session/sampledValues";
import { nodeFiles } from "../worker/nodeFiles";
import { defaultThreads, findInTensors } from "../worker/numbers/findInTensors";
import { NumbersPool } from "../worker/numbers/numbersPool";
import { baseSearch } from "./baseSearch";
import { defineCommand, jsonFlag, onePath, openSession } from "./command";
import { findRuns, type ReadRun } from "./findRuns";
import { UsageError } from "./usageError";

export const inspectCommand = defineCommand({
  usage: "inspect PATH [--base PATH] [--json] [--stats [--codes]] [--sha256] [--show-secrets]",
  options: {
    ...jsonFlag,
    base: { type: "string" },
    stats: { type: "boolean", default: false },
    // Statistics of the codes of packed weights, not of what these stand for.
    codes: { type: "boolean", default: false },
    sha256: { type: "boolean", default: false },
    "show-secrets": { type: "boolean", default: false },
  },
  jsonFlags: ["stats", "sha256"],
  async run(paths, { json, base, stats, codes, sha256, "show-secrets": showSecrets }) {
    const path = onePath(paths);
    const { session, runs } = await openOrFindRuns(resolve(path));
    if (session === undefined || runs.length > 0) {
      return { report: () => runFolderReport(path, runs), text: () => runFolderText(path, runs) };
    }
    const failed = hasReadingErrors(session);
    const overBase = base === undefined ? undefined : await holdAgainst(session, base);
    const besides = [
      ...(await sampledFindings(session)),
      ...(await baseProblems(nodeFiles, session, { given: base && resolve(base), ...baseSearch() })),
      ...(overBase?.comparison.problems ?? []),
    ];
    const pool = new NumbersPool({ threads: defaultThreads() });
    const measure = { measure: pool.measureModules(session) };
    if (!json && !stats && !sha256) {
      const lora = await session.lora(undefined, measure);
      const packed = await session.packedCodes();
      const summary = {
        ...session.summary(),
        problems: mergeProblems(await session.healthWithLogs(), besides),
      };
      const resume = await session.resume();
      const holds = { parts: session.parts(), packed, overBase };
      return {
        failed,
        text: () => inspectText(summary, session.checkpoint.tensors, lora, resume, holds),
      };
    }
    const values = await findInTensors(session, { stats, sha256, ofCodes: codes });
    if (stats) besides.push(...(await exactHalf(session, (index) => values.tensors.get(index)?.stats)));
    const report = await inspectReport(path, session, values, { showSecrets, besides, measure, overBase });
    return { failed: failed || values.problems.length > 0, report: () => report };
  },
  failure: (paths, problem) => failedReport(paths[0] ?? "", problem),
});

/** @throws UsageError where the path holds no adapter */
async function holdAgainst(session: CheckpointSession, base: string): Promise<OverBase> {
  if (session.adapter === undefined)
    throw new UsageError("--base is for adapters: compare BASE MODEL tells how models differ.");
  return { path: base, comparison: await compareWithBase(session, await openSession(base)) };
}

/** A file of somebody's own name in the folder that was asked for: others beside it may be meant as much. */
function isOneOfMany({ checkpoint, folder }: CheckpointSession, path: string): boolean {
  const isOfLibrary = /^(?:adapter_model|pytorch_model|model)\./.test(checkpoint.name);
  return (
    checkpoint.path !== path && isTorchFile(checkpoint.name) && !isOfLibrary && folder.config === undefined
  );
}

/** A run's folder is not searched like a disk: what it is of lies some folders below. */
const runFolderBounds = { maxDepth: 4, maxFolders: 500 };

/** A folder that holds no weights itself leads on to the checkpoints below it. */
async function openOrFindRuns(path: string): Promise<{
  readonly session?: CheckpointSession;
  readonly runs: readonly ReadRun[];
}> {
  const find = async () => {
    const isFolder = (await nodeFiles.stat(path))?.kind === "directory";
    const found = isFolder ? await findRuns(path, runFolderBounds) : undefined;
    return found?.runs.filter(({ run }) => run.checkpoints.length + run.logs.length > 0) ?? [];
  };
  try {
    const session = await openSession(path);
    const isEmpty = session.checkpoint.files.length === 0 && session.summary().kind === "unknown";
    if (isOneOfMany(session, path)) {
      const beside = await find();
      if (beside.some(({ run }) => run.checkpoints.filter(({ kind }) => kind === "file").length > 1))
        return { session, runs: beside };
    }
    const runs = isEmpty ? await find() : [];
    return { session, runs: runs.filter(({ run }) => run.checkpoints.some((one) => one.path !== path)) };
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.code !== "NoWeights") throw error;
    const runs = await find();
    if (runs.length === 0) throw error;
    return { runs };
  }
}
