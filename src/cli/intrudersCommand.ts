import {
  calmedReport,
  calmedText,
  foundIntrudersReport,
  foundIntrudersText,
} from "../core/report/intrudersReport";
import { findAllIntruders, reduceIntruders } from "../core/transform/intruders/reduceIntruders";
import { defaultThreads } from "../worker/numbers/findInTensors";
import { NumbersPool } from "../worker/numbers/numbersPool";
import { defineCommand, jsonFlag, onePath, openSession } from "./command";
import { makeOptions } from "./flags/makeOptions";
import { modelFlags, outOf, readModelFlags } from "./flags/modelFlags";
import { UsageError } from "./usageError";

const { "max-shard-size": _, ...flags } = modelFlags;

/** What PEFT keeps of an intruder. */
const usualScale = 0.75;

export const intrudersCommand = defineCommand({
  usage:
    "intruders ADAPTER --base MODEL --out PATH [--scale 0.75] [--dtype f32|f16|bf16] [--dry-run] [--replace] [--json]",
  options: { ...jsonFlag, ...flags, base: { type: "string" }, scale: { type: "string" } },
  async run(paths, values) {
    const path = onePath(paths);
    if (values.base === undefined)
      throw new UsageError("Intruders of what? Name the base model with --base.");
    const scale = values.scale === undefined ? usualScale : Number(values.scale);
    if (values.scale === "" || !(scale >= 0 && scale < 1))
      throw new UsageError(`--scale takes a number from 0 and below 1, not "${values.scale}".`);
    const { dtype, replace } = readModelFlags(values);
    const request = { adapter: await openSession(path), base: await openSession(values.base), scale };
    if (values["dry-run"]) {
      const pool = new NumbersPool({ threads: defaultThreads() });
      const found = await findAllIntruders({ ...request, makeFactors: pool.makeFactors({}) });
      return { report: () => foundIntrudersReport(found), text: () => foundIntrudersText(found) };
    }
    const { out, ...make } = makeOptions({ out: outOf(values), replace });
    const cast = dtype === undefined ? {} : { dtype };
    const calmed = await reduceIntruders({ ...make, ...request, ...cast, path: out });
    return { report: () => calmedReport(calmed, scale), text: () => calmedText(calmed, scale) };
  },
});
