import {
  type PatternBudget,
  PatternBudgetError,
  PatternSyntaxError,
  PythonPattern,
} from "../../text/pythonPattern";
import type { ContentValue, MapValue } from "../contentValue";
import { mappingOf, membersOf, numberOf, sequenceOf, stringOf } from "../contentView";
import type { Cut } from "../joinSlices";
import { type SplitRule, splitRule } from "../megatron/splitRules";

/** How tensor-parallel ranks share the parameters, as far as a save of DeepSpeed tells. */
export interface PartRules {
  /** Where the rules are from, after "as": `universal_checkpoint_info says`. */
  readonly source: string;
  /** Undefined where it is not known; `average`, where ranks keep their own and a conversion takes the mean. */
  ruleOf(name: string): SplitRule | "average" | undefined;
}

/** Steps that the patterns of one file may take in all. */
const patternSteps = 50_000_000;

const listKeys = [
  "tp_replicated_parameter_patterns",
  "parameter_to_average_patterns",
  "parameter_with_2_sub_params_cat_dim_0",
  "parameter_with_row_parallelism_patterns",
  "vocabulary_parameter_patterns",
  "autotp_unsupported_parameter_patterns",
] as const;

/**
 * The rules of `universal_checkpoint_info`, which Megatron-DeepSpeed and AutoTP write and ds_to_universal.py follows
 * (`merge_tp_slices`): what no pattern names is cut by rows. Without it the rules of Megatron-LM's names.
 * @param tensorSize number of tensor-parallel ranks
 */
export function partRules(info: MapValue | undefined, tensorSize: number): PartRules {
  if (
    info === undefined ||
    !(listKeys.some((key) => info.has(key)) || info.has("parameter_with_sub_params"))
  ) {
    return {
      source: "Megatron-LM names and cuts them",
      ruleOf: (name) => splitRule(name, { gated: undefined, version: 3 }),
    };
  }
  const reading: Reading = { budget: { steps: patternSteps }, isUnclear: false };
  const named = new Map(listKeys.map((key) => [key, patternsIn(info.get(key), reading)]));
  const isIn = (key: (typeof listKeys)[number], name: string) => named.get(key)?.(name) !== undefined;
  const composed = (sequenceOf(info.get("parameter_with_sub_params")) ?? []).flatMap((each) => {
    const fields = membersOf(each);
    const pattern = patternsIn(fields?.get("patterns"), reading);
    return fields === undefined ? [] : [{ fields, pattern }];
  });
  const rows = numberOf(info.get("original_vocab_size"));
  const ruleOf = (name: string): ReturnType<PartRules["ruleOf"]> => {
    if (isIn("autotp_unsupported_parameter_patterns", name)) return undefined;
    if (isIn("tp_replicated_parameter_patterns", name)) return "whole";
    if (isIn("parameter_to_average_patterns", name)) return "average";
    if (isIn("parameter_with_2_sub_params_cat_dim_0", name)) return { axis: 0, parts: 2 };
    for (const { fields, pattern } of composed) {
      const matched = pattern(name);
      if (matched !== undefined) return composedCut(info, fields, matched, tensorSize);
    }
    if (isIn("parameter_with_row_parallelism_patterns", name)) return { axis: 1 };
    const isVocabulary = isIn("vocabulary_parameter_patterns", name);
    return isVocabulary && rows !== undefined && rows > 0 ? { axis: 0, rows } : { axis: 0 };
  };
  return {
    source: "universal_checkpoint_info says",
    ruleOf: (name) => {
      const rule = ruleOf(name);
      return reading.isUnclear ? undefined : rule;
    },
  };
}

interface Reading {
  readonly budget: PatternBudget;
  /** A pattern cannot be read, or took too long: nobody knows what it would have matched. */
  isUnclear: boolean;
}

/** A parameter of several parts, as query, key and value: `SubparamShape`, and from version 0.4 on the ranks' widths. */
function composedCut(info: MapValue, fields: MapValue, pattern: string, tensorSize: number): Cut | undefined {
  const axis = numberOf(fields.get("partition_dim")) ?? -1;
  const along = sequenceOf(fields.get("shape"))?.[axis];
  const told = sequenceOf(mappingOf(info.get("sub_param_shard_widths"))?.get(pattern));
  const needsWidths = (numberOf(info.get("universal_checkpoint_version")) ?? 0) >= 0.4;
  if (told === undefined && needsWidths) return undefined;
  if (told !== undefined) return { axis, parts: told.map((own) => (sequenceOf(own) ?? []).map(sizeOf)) };
  const sizes = sequenceOf(along)?.map(sizeOf);
  if (sizes === undefined) {
    const count = numberOf(along);
    return count !== undefined && Number.isSafeInteger(count) && count > 0
      ? { axis, parts: count }
      : undefined;
  }
  if (sizes.some((size) => size % tensorSize !== 0)) return undefined;
  return { axis, parts: sizes.map((size) => new Array<number>(tensorSize).fill(size / tensorSize)) };
}

function sizeOf(value: ContentValue): number {
  const size = numberOf(value) ?? -1;
  return Number.isSafeInteger(size) && size >= 0 ? size : Number.NaN;
}

/** The pattern that a name begins with, as Python's `re.match` takes it. */
function patternsIn(value: ContentValue | undefined, reading: Reading): (name: string) => string | undefined {
  const patterns = (sequenceOf(value) ?? []).flatMap((each) => {
    const source = stringOf(each) ?? "(";
    try {
      return [{ source, pattern: PythonPattern.compile(`(?:${source}).*`) }];
    } catch (error) {
      if (!(error instanceof PatternSyntaxError)) throw error;
      reading.isUnclear = true;
      return [];
    }
  });
  return (name) => {
    try {
      return patterns.find(({ pattern }) => pattern.matchesToEnd(name, [0], reading.budget))?.source;
    } catch (error) {
      if (!(error instanceof PatternBudgetError)) throw error;
      reading.isUnclear = true;
      return undefined;
    }
  };
}
