import type { ReductionOptions, ReductionRule } from "../../core/transform/reductionPlan";
import { UsageError } from "../usageError";

/** For `parseArgs`: the options of `reduce` and `extract`. */
export const makeArguments = {
  rank: { type: "string" },
  energy: { type: "string" },
  "sv-fro": { type: "string" },
  "sv-cumulative": { type: "string" },
  "sv-ratio": { type: "string" },
  "max-rank": { type: "string" },
  uniform: { type: "boolean", default: false },
  "kohya-plus-one": { type: "boolean", default: false },
  out: { type: "string", short: "o" },
  replace: { type: "boolean", default: false },
} as const;

type RuleName = "rank" | "energy" | "sv-fro" | "sv-cumulative" | "sv-ratio";
type MakeValues = Partial<Record<RuleName | "max-rank" | "out", string>> & {
  readonly uniform: boolean;
  readonly "kohya-plus-one": boolean;
  readonly replace: boolean;
};

/** What `reduce` and `extract` of the command line are told. */
export interface MakeFlags {
  readonly rule: ReductionRule;
  readonly scope: ReductionOptions["scope"];
  readonly maxRank: number | undefined;
  readonly kohyaPlusOne: boolean;
  readonly out: string;
  readonly replace: boolean;
}

const rules: Readonly<Record<RuleName, (text: string) => ReductionRule>> = {
  rank: (text) => ({ kind: "rank", rank: wholeOf("rank", text) }),
  energy: (text) => ({ kind: "energy", share: shareOf("energy", text) }),
  "sv-fro": (text) => ({ kind: "svFro", share: shareOf("sv-fro", text) }),
  "sv-cumulative": (text) => ({ kind: "svCumulative", share: shareOf("sv-cumulative", text) }),
  "sv-ratio": (text) => ({ kind: "svRatio", ratio: ratioOf("sv-ratio", text) }),
};

/** @throws UsageError where something is missing, said twice, or out of its range. */
export function readMakeFlags(values: MakeValues): MakeFlags {
  const { out, replace, uniform } = values;
  if (out === undefined) throw new UsageError("Where to? Name a new folder with --out.");
  const limit = values["max-rank"];
  return {
    rule: readRule(values),
    scope: uniform ? "uniform" : "module",
    maxRank: limit === undefined ? undefined : wholeOf("max-rank", limit),
    kohyaPlusOne: values["kohya-plus-one"],
    out,
    replace,
  };
}

/** @throws UsageError unless there is just one rule. */
export function readRule(values: Partial<Record<RuleName, string | undefined>>): ReductionRule {
  const names = Object.keys(rules) as RuleName[];
  const [name, ...others] = names.filter((each) => values[each] !== undefined);
  if (name === undefined || others.length > 0)
    throw new UsageError(`One of ${names.map((each) => `--${each}`).join(", ")} is needed.`);
  return rules[name](values[name] ?? "");
}

function wholeOf(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UsageError(`--${option} takes a whole number from 1, not "${text}".`);
}

function shareOf(option: string, text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  throw new UsageError(`--${option} takes a share above 0 and up to 1, e.g. 0.99, not "${text}".`);
}

function ratioOf(option: string, text: string): number {
  const value = Number(text);
  if (value >= 1 && Number.isFinite(value)) return value;
  throw new UsageError(`--${option} takes a number from 1, e.g. 10, not "${text}".`);
}
