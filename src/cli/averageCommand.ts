import { averageReport, averageText } from "../core/report/averageReport";
import type { CheckpointSession } from "../core/session/checkpointSession";
import { average } from "../core/transform/model/average";
import { defineCommand, jsonFlag, openSession } from "./command";
import { makeOptions } from "./makeOptions";
import { modelFlags, outOf, readModelFlags } from "./modelFlags";
import { UsageError } from "./usageError";

const { out, replace, "max-shard-size": maxShardSize } = modelFlags;

export const averageCommand = defineCommand({
  usage: "average PATH PATH [PATH …] --out DIR [--weights W,W,…] [--max-shard-size 5GB] [--replace] [--json]",
  options: { ...jsonFlag, out, replace, "max-shard-size": maxShardSize, weights: { type: "string" } },
  async run(paths, values) {
    if (paths.length < 2) throw new UsageError("average needs two snapshots or more.");
    const weights =
      values.weights === undefined ? paths.map(() => 1) : weightsOf(values.weights, paths.length);
    const { maxShardBytes } = readModelFlags(values);
    const snapshots: CheckpointSession[] = [];
    for (const path of paths) snapshots.push(await openSession(path));
    const { out: path, ...make } = makeOptions({ out: outOf(values), replace: values.replace });
    const averaged = await average({ ...make, snapshots, weights, path, maxShardBytes });
    return { report: () => averageReport(averaged, paths), text: () => averageText(averaged, paths) };
  },
});

function weightsOf(text: string, count: number): readonly number[] {
  const weights = text.split(",").map(Number);
  if (weights.length === count && weights.every(Number.isFinite)) return weights;
  throw new UsageError(`--weights takes ${count} numbers with commas between, not "${text}".`);
}
