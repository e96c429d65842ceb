import { resolve } from "node:path";
import { extractCheckpoint, type MakeOptions, reduceCheckpoint } from "../core/report/makeAdapter";
import { extractReport, extractText, reduceReport, reduceText } from "../core/report/reduceReport";
import { toJsonText } from "../core/report/reportJson";
import { nodeFiles } from "./nodeFiles";
import { nodeSink } from "./nodeSink";
import { toolVersion } from "./toolVersion";

/** What `reduce` and `extract` of the command line are told. */
export interface MakeFlags {
  readonly rank: number | undefined;
  /** Share of Σσ² to keep, above 0 and up to 1. */
  readonly energy: number | undefined;
  readonly out: string;
  readonly replace: boolean;
  readonly json: boolean;
}

/** Ranks that an extraction by energy goes up to. */
const maxExtractedRank = 128;

/** @returns the text to print. @throws FormatError when nothing was written. */
export async function reduceCommand(path: string, flags: MakeFlags): Promise<string> {
  const rule = ruleOf(flags);
  const result = await reduceCheckpoint(resolve(path), { rule, scope: "module" }, makeOptions(flags));
  return flags.json ? toJsonText(reduceReport(result)) : reduceText(result);
}

export async function extractCommand(base: string, tuned: string, flags: MakeFlags): Promise<string> {
  const rule = ruleOf(flags);
  const bounded = rule.kind === "energy" ? { ...rule, maxRank: flags.rank ?? maxExtractedRank } : rule;
  const result = await extractCheckpoint(resolve(base), resolve(tuned), bounded, false, makeOptions(flags));
  return flags.json ? toJsonText(extractReport(result)) : extractText(result);
}

function ruleOf({ rank, energy }: MakeFlags) {
  if (energy !== undefined) return { kind: "energy", share: energy } as const;
  return { kind: "rank", rank: rank ?? 1 } as const;
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
