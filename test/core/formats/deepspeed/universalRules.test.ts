import { expect, test } from "vitest";
import {
  type ContentValue,
  FloatValue,
  ListValue,
  MapValue,
} from "../../../../src/core/formats/contentValue";
import { partRules } from "../../../../src/core/formats/deepspeed/universalRules";

function info(entries: Readonly<Record<string, ContentValue>>): MapValue {
  const map = new MapValue();
  for (const [key, value] of Object.entries(entries)) map.set(key, value);
  return map;
}

const replicated = (pattern: string) => ({ tp_replicated_parameter_patterns: new ListValue([pattern]) });

test.each([
  [
    "what a pattern names is whole, from the beginning of the name",
    replicated("a\\.norm"),
    "a.norm.weight",
    "whole",
  ],
  ["a pattern that occurs further in does not count", replicated("norm"), "a.norm.weight", { axis: 0 }],
  ["what no pattern names is cut by rows", replicated("b"), "a.weight", { axis: 0 }],
  ["a pattern that cannot be read leaves all untold", replicated("(?<=a)b"), "a.weight", undefined],
  [
    "parts without their sizes, where the version keeps those",
    {
      universal_checkpoint_version: new FloatValue(0.4),
      parameter_with_sub_params: new ListValue([
        info({ patterns: new ListValue(["a"]), shape: new ListValue([3, -1]), partition_dim: 0 }),
      ]),
    },
    "a.weight",
    undefined,
  ],
  [
    "Megatron's names, where nothing is told",
    {},
    "language_model.encoder.layers.0.mlp.dense_4h_to_h.weight",
    { axis: 1 },
  ],
  ["no names that are known", {}, "model.layers.0.self_attn.q_proj.weight", undefined],
] as const)("%s", (_, entries, name, rule) => {
  expect(partRules(info(entries), 2).ruleOf(name)).toEqual(rule);
});
