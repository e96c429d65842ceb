import { resolve } from "node:path";
import { reduceCheckpoint } from "../core/report/makeAdapter";
import { reduceReport, reduceText } from "../core/report/reduceReport";
import { defineCommand, jsonFlag, onePath } from "./command";
import { makeArguments, readMakeFlags } from "./flags/makeFlags";
import { makeOptions } from "./flags/makeOptions";

export const reduceCommand = defineCommand({
  usage: "reduce ADAPTER RULE [--max-rank N] [--uniform] [--kohya-plus-one] --out DIR [--replace] [--json]",
  options: { ...jsonFlag, ...makeArguments },
  async run(paths, values) {
    const path = onePath(paths);
    const flags = readMakeFlags(values);
    const { rule, scope, maxRank, kohyaPlusOne } = flags;
    const options = { rule, scope, kohyaPlusOne, ...(maxRank === undefined ? {} : { maxRank }) };
    const result = await reduceCheckpoint(resolve(path), options, makeOptions(flags));
    return { report: () => reduceReport(result), text: () => reduceText(result) };
  },
});
