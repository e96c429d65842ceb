import { resolve } from "node:path";
import { extractCheckpoint } from "../core/report/makeAdapter";
import { extractReport, extractText } from "../core/report/reduceReport";
import type { ExtractionRule } from "../core/transform/extractionRank";
import { defineCommand, jsonFlag } from "./command";
import { type MakeFlags, makeArguments, readMakeFlags } from "./flags/makeFlags";
import { makeOptions } from "./flags/makeOptions";
import { UsageError } from "./usageError";

/** Ranks that an extraction by energy goes up to. */
const maxExtractedRank = 128;

export const extractCommand = defineCommand({
  usage:
    "extract BASE TUNED (--rank N | --energy SHARE [--max-rank N]) [--linear-only] --out DIR [--replace] [--json]",
  options: { ...jsonFlag, ...makeArguments, "linear-only": { type: "boolean", default: false } },
  async run([base, tuned, ...more], values) {
    if (base === undefined || tuned === undefined || more.length > 0)
      throw new UsageError("extract needs BASE and TUNED.");
    const flags = readMakeFlags(values);
    const rule = extractionRule(flags);
    const saveOthers = !values["linear-only"];
    const result = await extractCheckpoint(
      resolve(base),
      resolve(tuned),
      rule,
      saveOthers,
      makeOptions(flags),
    );
    return { report: () => extractReport(result), text: () => extractText(result) };
  },
});

/** @throws UsageError for a rule that an extraction does not know. */
function extractionRule({ rule, scope, maxRank, kohyaPlusOne }: MakeFlags): ExtractionRule {
  if (scope === "uniform" || kohyaPlusOne || (rule.kind === "rank" && maxRank !== undefined))
    throw new UsageError("extract takes --rank, or --energy with --max-rank.");
  if (rule.kind === "rank") return rule;
  if (rule.kind === "energy") return { ...rule, maxRank: maxRank ?? maxExtractedRank };
  throw new UsageError("extract goes by --rank or --energy.");
}
