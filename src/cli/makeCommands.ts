import { resolve } from "node:path";
import { extractCheckpoint, type MakeOptions, reduceCheckpoint } from "../core/report/makeAdapter";
import { extractReport, extractText, reduceReport, reduceText } from "../core/report/reduceReport";
import { toJsonText } from "../core/report/reportJson";
import type { ExtractionRule } from "../core/transform/extractionRank";
import { nodeFiles } from "../worker/nodeFiles";
import { nodeSink } from "../worker/nodeSink";
import { toolVersion } from "../worker/toolVersion";
import type { MakeFlags } from "./makeFlags";
import { UsageError } from "./usageError";

/** Ranks that an extraction by energy goes up to. */
const maxExtractedRank = 128;

/** @returns the text to print. @throws CheckpointError when nothing was written. */
export async function reduceCommand(path: string, flags: MakeFlags, json: boolean): Promise<string> {
  const { rule, scope, maxRank, kohyaPlusOne } = flags;
  const options = { rule, scope, kohyaPlusOne, ...(maxRank === undefined ? {} : { maxRank }) };
  const result = await reduceCheckpoint(resolve(path), options, makeOptions(flags));
  return json ? toJsonText(reduceReport(result)) : reduceText(result);
}

/** @throws UsageError for a rule that an extraction does not know. */
export async function extractCommand(
  base: string,
  tuned: string,
  flags: MakeFlags,
  json: boolean,
): Promise<string> {
  const rule = extractionRule(flags);
  const result = await extractCheckpoint(resolve(base), resolve(tuned), rule, false, makeOptions(flags));
  return json ? toJsonText(extractReport(result)) : extractText(result);
}

function extractionRule({ rule, scope, maxRank, kohyaPlusOne }: MakeFlags): ExtractionRule {
  if (scope === "uniform" || kohyaPlusOne || (rule.kind === "rank" && maxRank !== undefined))
    throw new UsageError("extract takes --rank, or --energy with --max-rank.");
  if (rule.kind === "rank") return rule;
  if (rule.kind === "energy") return { ...rule, maxRank: maxRank ?? maxExtractedRank };
  throw new UsageError("extract goes by --rank or --energy.");
}

function makeOptions({ out, replace }: MakeFlags): MakeOptions {
  return {
    files: nodeFiles,
    sink: nodeSink,
    out: resolve(out),
    replace,
    toolVersion,
    now: new Date(),
  };
}
