import { resolve } from "node:path";
import { mergePlanReport, mergePlanText, mergeReport, mergeText } from "../core/report/mergeReport";
import { CheckpointSession } from "../core/session/checkpointSession";
import { merge } from "../core/transform/model/merge";
import { planMerge } from "../core/transform/model/mergePlan";
import { nodeFiles } from "../worker/nodeFiles";
import { defineCommand, jsonFlag, noUserStage } from "./command";
import { makeOptions } from "./flags/makeOptions";
import { modelFlags, outOf, readModelFlags } from "./flags/modelFlags";
import { UsageError } from "./usageError";
import { openWeighted } from "./weightedAdapters";

export const mergeCommand = defineCommand({
  usage:
    "merge BASE ADAPTER[:WEIGHT] [ADAPTER[:WEIGHT] …] --out DIR [--scale S] [--initial ADAPTER] [--dtype f32|f16|bf16] [--max-shard-size 5GB] [--dry-run] [--replace] [--json]",
  options: { ...jsonFlag, ...modelFlags, scale: { type: "string" }, initial: { type: "string" } },
  async run([base, ...adapters], values) {
    if (base === undefined || adapters.length === 0) throw new UsageError("merge needs BASE and an ADAPTER.");
    const { dtype, maxShardBytes, replace } = readModelFlags(values);
    const scale = values.scale === undefined ? 1 : numberOf(values.scale);
    const weighted = await openWeighted(adapters, values.initial);
    const request = {
      base: await CheckpointSession.open(nodeFiles, resolve(base), noUserStage),
      adapters: weighted.map((each) => ({ ...each, weight: each.weight * scale })),
      isScaleKnown: values.scale !== undefined,
      ...(dtype === undefined ? {} : { dtype }),
    };
    if (values["dry-run"]) {
      const plan = await planMerge(request);
      return { report: () => mergePlanReport(plan), text: () => mergePlanText(plan) };
    }
    const { out, ...make } = makeOptions({ out: outOf(values), replace });
    const merged = await merge({ ...make, ...request, path: out, maxShardBytes });
    return { report: () => mergeReport(merged), text: () => mergeText(merged) };
  },
});

function numberOf(text: string): number {
  const value = Number(text);
  if (text !== "" && Number.isFinite(value)) return value;
  throw new UsageError(`--scale takes a number, not "${text}".`);
}
