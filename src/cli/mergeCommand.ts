import { resolve } from "node:path";
import { mergePlanReport, mergePlanText, mergeReport, mergeText } from "../core/report/mergeReport";
import { CheckpointSession } from "../core/session/checkpointSession";
import { merge, planMerge, type WeightedAdapter } from "../core/transform/model/merge";
import { nodeFiles } from "../worker/nodeFiles";
import { defineCommand, jsonFlag, noUserStage } from "./command";
import { makeOptions } from "./makeOptions";
import { modelFlags, outOf, readModelFlags } from "./modelFlags";
import { UsageError } from "./usageError";

export const mergeCommand = defineCommand({
  usage:
    "merge BASE ADAPTER[:WEIGHT] [ADAPTER[:WEIGHT] …] --out DIR [--scale S] [--dtype f32|f16|bf16] [--max-shard-size 5GB] [--dry-run] [--replace] [--json]",
  options: { ...jsonFlag, ...modelFlags, scale: { type: "string" } },
  async run([base, ...adapters], values) {
    if (base === undefined || adapters.length === 0) throw new UsageError("merge needs BASE and an ADAPTER.");
    const { dtype, maxShardBytes, replace } = readModelFlags(values);
    const scale = values.scale === undefined ? 1 : numberOf(values.scale);
    const open = (path: string) => CheckpointSession.open(nodeFiles, resolve(path), noUserStage);
    const weighted: WeightedAdapter[] = [];
    for (const text of adapters) {
      const { path, weight } = splitWeight(text);
      weighted.push({ session: await open(path), weight: weight * scale });
    }
    const request = {
      base: await open(base),
      adapters: weighted,
      ...(dtype === undefined ? {} : { dtype }),
    };
    if (values["dry-run"]) {
      const plan = await planMerge(request);
      return values.json
        ? { failed: false, report: mergePlanReport(plan) }
        : { failed: false, text: mergePlanText(plan) };
    }
    const { out, ...make } = makeOptions({ out: outOf(values), replace });
    const merged = await merge({ ...make, ...request, path: out, maxShardBytes });
    return values.json
      ? { failed: false, report: mergeReport(merged) }
      : { failed: false, text: mergeText(merged) };
  },
});

/** A path may hold colons, as on Windows: only a number at its end is a weight. */
function splitWeight(text: string): { readonly path: string; readonly weight: number } {
  const found = /^(.+):([+-]?\d+(?:\.\d+)?)$/.exec(text);
  return found === null ? { path: text, weight: 1 } : { path: found[1] ?? "", weight: Number(found[2]) };
}

function numberOf(text: string): number {
  const value = Number(text);
  if (text !== "" && Number.isFinite(value)) return value;
  throw new UsageError(`--scale takes a number, not "${text}".`);
}
