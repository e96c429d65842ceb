import { join, resolve } from "node:path";
import { baseProblems } from "../core/base/baseProblems";
import { CheckpointError } from "../core/problem/checkpointError";
import type { Problem } from "../core/problem/problem";
import { pipelineModels } from "../core/report/pipelineModels";
import { findingsOfScan } from "../core/report/scan/readScan";
import type { ReadValues } from "../core/report/valueFindings";
import { verifyMergeReport, verifyMergeText } from "../core/report/verifyMergeReport";
import {
  pipelineReport,
  unreadableReport,
  type VerifyReport,
  verifyCheckpoint,
  verifyText,
  withProblems,
} from "../core/report/verifyReport";
import { verifyMerge } from "../core/transform/model/verifyMerge";
import { changedMembers } from "../worker/diff/changedMembers";
import { changedTensors } from "../worker/diff/changedTensors";
import { nodeFiles } from "../worker/nodeFiles";
import { defaultThreads, findInTensors } from "../worker/numbers/findInTensors";
import { NumbersPool } from "../worker/numbers/numbersPool";
import { readScanFile } from "../worker/readScanFile";
import { baseSearch } from "./baseSearch";
import { defineCommand, jsonFlag, onePath, openSession } from "./command";
import { UsageError } from "./usageError";
import { openWeighted } from "./weightedAdapters";

export const verifyCommand = defineCommand({
  usage:
    "verify PATH [--base PATH] [--quick | --scan FILE] [--strict] [--json]\n  checkpoint-explorer verify MERGED --base BASE --adapter ADAPTER[:WEIGHT] [--initial ADAPTER] [--json]",
  options: {
    ...jsonFlag,
    base: { type: "string" },
    adapter: { type: "string", multiple: true },
    initial: { type: "string" },
    quick: { type: "boolean", default: false },
    scan: { type: "string" },
    strict: { type: "boolean", default: false },
    // It writes nothing: scripts may call it with the flags of the commands that do.
    "dry-run": { type: "boolean", default: false },
    replace: { type: "boolean", default: false },
  },
  async run(paths, { base, adapter, initial, quick, scan, strict }) {
    const path = onePath(paths);
    if (adapter !== undefined) return verifyMerged(path, base, adapter, initial);
    if (quick && scan !== undefined)
      throw new UsageError("Either --quick or --scan: both say what is not read.");
    const verify = (path: string) =>
      openSession(path).then(
        async (session) => {
          const report = await verifyCheckpoint(path, session, quick ? undefined : valuesFrom(scan));
          const given = base === undefined ? undefined : resolve(base);
          const place = { given, isTold: true, ...baseSearch() };
          const isRead = !quick && scan === undefined;
          const changed = isRead
            ? [...(await changedTensors(session)), ...(await changedMembers(session))]
            : [];
          const unused = base !== undefined && session.adapter === undefined ? [baseUnused] : [];
          const ofBase = await baseProblems(nodeFiles, session, place);
          return withProblems(report, [...changed, ...unused, ...ofBase]);
        },
        (error: unknown) => {
          if (!(error instanceof CheckpointError)) throw error;
          return unreadableReport(path, error.toProblem());
        },
      );
    const report = (await verifyPipeline(path, verify)) ?? (await verify(path));
    const hasWarnings = report.problems.some(({ severity }) => severity === "warning");
    const failed = !report.healthy || (strict && hasWarnings);
    return { failed, report: () => report, text: () => verifyText(report) };
  },
  failure: (paths, problem) => unreadableReport(paths[0] ?? "", problem),
});

/** Asked of a model, "healthy" would read as if it had been held against the base. */
const baseUnused: Problem = {
  severity: "warning",
  code: "BaseUnused",
  message: "--base is for adapters: nothing was held against it. compare BASE MODEL tells how models differ.",
};

/** Each model of a pipeline of diffusers; undefined where the path is none. */
async function verifyPipeline(
  path: string,
  verify: (path: string) => Promise<VerifyReport>,
): Promise<VerifyReport | undefined> {
  const folder = resolve(path);
  const stat = await nodeFiles.stat(folder).catch(() => undefined);
  if (stat?.kind !== "directory") return undefined;
  const pipeline = await pipelineModels(nodeFiles, folder).catch((error: unknown) => {
    // Who opens the folder says what is wrong with it.
    if (error instanceof CheckpointError) return undefined;
    throw error;
  });
  if (pipeline === undefined || pipeline.models.length + pipeline.problems.length === 0) return undefined;
  const reports = new Map<string, VerifyReport>();
  for (const name of pipeline.models) reports.set(name, await verify(join(path, name)));
  return pipelineReport(path, reports, pipeline.problems);
}

/** Whether a model is its base with adapters merged into it. */
async function verifyMerged(
  path: string,
  base: string | undefined,
  adapters: readonly string[],
  initial: string | undefined,
) {
  if (base === undefined) throw new UsageError("Merged into what? Name the base with --base.");
  const pool = new NumbersPool({ threads: defaultThreads() });
  const verified = await verifyMerge({
    merged: await openSession(path),
    base: await openSession(base),
    adapters: await openWeighted(adapters, initial),
    makeFactors: pool.makeFactors({}),
  });
  const failed = !verified.isMerged;
  return {
    failed,
    report: () => verifyMergeReport(path, verified),
    text: () => verifyMergeText(path, verified),
  };
}

/** Reads the tensors, or what a scan of the same files found in them. */
function valuesFrom(scan: string | undefined): ReadValues {
  if (scan === undefined) return (session) => findInTensors(session, { stats: true, sha256: false });
  return async (session) =>
    findingsOfScan(session, await readScanFile(resolve(scan)), scan, (path) => nodeFiles.stat(path));
}
