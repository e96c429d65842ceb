import { combinePlanReport, combinePlanText, combineReport, combineText } from "../core/report/combineReport";
import { combine, planCombination } from "../core/transform/combine/combine";
import { defaultThreads } from "../worker/numbers/findInTensors";
import { NumbersPool } from "../worker/numbers/numbersPool";
import { defineCommand, jsonFlag } from "./command";
import { readRule } from "./flags/makeFlags";
import { makeOptions } from "./flags/makeOptions";
import { modelFlags, outOf, readModelFlags } from "./flags/modelFlags";
import { UsageError } from "./usageError";
import { openWeighted } from "./weightedAdapters";

const { "max-shard-size": _, ...flags } = modelFlags;

export const combineCommand = defineCommand({
  usage:
    "combine ADAPTER[:WEIGHT] [ADAPTER[:WEIGHT] …] --out PATH [--rank N | --energy SHARE] [--dtype f32|f16|bf16] [--dry-run] [--replace] [--json]",
  options: { ...jsonFlag, ...flags, rank: { type: "string" }, energy: { type: "string" } },
  async run(paths, values) {
    if (paths.length === 0) throw new UsageError("combine needs an ADAPTER, or several with weights.");
    const { dtype, replace } = readModelFlags(values);
    const { rank, energy } = values;
    const rule = rank === undefined && energy === undefined ? undefined : readRule({ rank, energy });
    const dryRun = values["dry-run"];
    const target = dryRun ? undefined : makeOptions({ out: outOf(values), replace });
    const adapters = await openWeighted(paths);
    const request = { adapters, ...(rule === undefined ? {} : { rule }) };
    if (target === undefined) {
      const pool = new NumbersPool({ threads: defaultThreads() });
      const plan = await planCombination({ ...request, makeFactors: pool.makeFactors({}) });
      return { report: () => combinePlanReport(plan, adapters), text: () => combinePlanText(plan, adapters) };
    }
    const { out, ...make } = target;
    const combined = await combine({
      ...make,
      ...request,
      ...(dtype === undefined ? {} : { dtype }),
      path: out,
    });
    return { report: () => combineReport(combined, adapters), text: () => combineText(combined, adapters) };
  },
});
