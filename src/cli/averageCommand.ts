import { basename, resolve } from "node:path";
import { averagePlanReport, averagePlanText, averageReport, averageText } from "../core/report/averageReport";
import type { CheckpointSession } from "../core/session/checkpointSession";
import { average, planAverage } from "../core/transform/model/average";
import { movingAverageWeights } from "../core/transform/model/movingAverage";
import { defineCommand, jsonFlag, openSession } from "./command";
import { findRuns } from "./findRuns";
import { makeOptions } from "./flags/makeOptions";
import { modelFlags, outOf, readModelFlags } from "./flags/modelFlags";
import { UsageError } from "./usageError";

const { dtype: _, ...flags } = modelFlags;

export const averageCommand = defineCommand({
  usage:
    "average PATH PATH [PATH …] | RUN --last N --out DIR [--weights W,W,… | --ema DECAY] [--max-shard-size 5GB] [--dry-run] [--replace] [--json]",
  options: {
    ...jsonFlag,
    ...flags,
    weights: { type: "string" },
    ema: { type: "string" },
    last: { type: "string" },
  },
  async run(given, values) {
    const paths = values.last === undefined ? given : await lastOf(given, values.last);
    if (paths.length < 2) throw new UsageError("average needs two snapshots or more.");
    const weights = weightsOf(values, paths.length);
    const { maxShardBytes } = readModelFlags(values);
    const snapshots: CheckpointSession[] = [];
    for (const path of paths) snapshots.push(await openSession(path));
    if (values["dry-run"]) {
      const plan = await planAverage(snapshots);
      return { report: () => averagePlanReport(plan, paths), text: () => averagePlanText(plan, paths) };
    }
    const { out: path, ...make } = makeOptions({ out: outOf(values), replace: values.replace });
    const averaged = await average({ ...make, snapshots, weights, path, maxShardBytes });
    return { report: () => averageReport(averaged, paths), text: () => averageText(averaged, paths) };
  },
});

/** @throws UsageError where the numbers are none that average snapshots. */
function weightsOf(
  { weights: text, ema }: { readonly weights?: string | undefined; readonly ema?: string | undefined },
  count: number,
): readonly number[] {
  if (ema !== undefined) {
    const decay = Number(ema);
    if (text === undefined && decay > 0 && decay < 1) return movingAverageWeights(decay, count);
    throw new UsageError(`--ema takes a decay between 0 and 1, and no --weights beside it, not "${ema}".`);
  }
  if (text === undefined) return new Array<number>(count).fill(1);
  const weights = text.split(",").map(Number);
  if (weights.length === count && weights.every(Number.isFinite)) return weights;
  throw new UsageError(`--weights takes ${count} numbers with commas between, not "${text}".`);
}

/** The snapshots of a run's highest steps, oldest first. */
async function lastOf(given: readonly string[], text: string): Promise<readonly string[]> {
  const [folder, ...more] = given;
  const count = Number(text);
  if (folder === undefined || more.length > 0 || !Number.isInteger(count) || count < 2)
    throw new UsageError("--last takes how many snapshots, 2 or more, of one folder with a run.");
  const { runs } = await findRuns(resolve(folder), { maxDepth: 32, maxFolders: 100_000 });
  const trained = runs.flatMap(({ run }) => {
    // The model that was saved at the end is the last snapshot once more.
    const saved = run.checkpoints.filter(
      ({ step, final, incomplete, mainFile }) =>
        step !== undefined && !final && !incomplete && mainFile !== undefined,
    );
    return saved.length < 2 ? [] : [{ run, saved }];
  });
  const [found, other] = trained;
  if (found === undefined) throw new UsageError(`No run with two whole snapshots was found in ${folder}.`);
  if (other !== undefined)
    throw new UsageError(
      `${folder} holds more than one run (${trained.map(({ run }) => basename(run.path)).join(", ")}): name the folder of one.`,
    );
  if (found.saved.length < count)
    throw new UsageError(`${folder} has ${found.saved.length} whole snapshots with a step, not ${count}.`);
  return found.saved.slice(-count).map(({ path }) => path);
}
