import { describe, expect, test } from "vitest";
import { scalingWithoutFactor, tokensBeyond } from "../../../src/core/health/config/tokenSettings";
import { isJsonObject, parseJson } from "../../../src/core/json/parseJson";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";
import { dict, floatBytes, floats, torchArchive } from "../formats/torch/torchPickle";

const config = (value: object) => {
  const parsed = parseJson(JSON.stringify(value)).value;
  if (!isJsonObject(parsed)) throw new Error("no object");
  return parsed;
};

const embedding: Tensor = {
  name: "model.embed_tokens.weight",
  dtype: "BF16",
  shape: [96, 32],
  byteSize: 6144,
  offset: 0,
  fileIndex: 0,
};

describe("tokens that the configuration names", () => {
  test.each([
    [{ eos_token_id: 128009 }, /eos_token_id 128,009, and model\.embed_tokens\.weight has 96 rows/],
    [{ eos_token_id: [1, 96] }, /eos_token_id 96/],
    [{ text_config: { pad_token_id: 151643 } }, /pad_token_id 151,643/],
  ])("%j is beyond 96 rows", (value, message) => {
    expect(tokensBeyond(config(value), embedding)).toMatchObject([
      { severity: "warning", code: "TokenBeyondVocabulary", message: expect.stringMatching(message) },
    ]);
  });

  test.each([{ eos_token_id: 95, pad_token_id: -1, bos_token_id: null }, {}, { eos_token_id: "</s>" }])(
    "nothing is told of %j",
    (value) => {
      expect(tokensBeyond(config(value), embedding)).toEqual([]);
      expect(tokensBeyond(config({ eos_token_id: 128009 }), { ...embedding, dtype: "U8" })).toEqual([]);
    },
  );
});

test.each([
  [{ rope_scaling: { type: "linear" } }, true],
  [{ rope_scaling: { rope_type: "yarn", original_max_position_embeddings: 4096 } }, true],
  [{ text_config: { rope_parameters: { rope_type: "llama3", rope_theta: 1e4 } } }, true],
  [{ rope_scaling: { rope_type: "yarn", factor: 4 } }, false],
  [{ rope_scaling: null }, false],
  [{ rope_parameters: { rope_type: "default", rope_theta: 1e4 } }, false],
  [{ rope_scaling: { type: "mrope", mrope_section: [16, 24, 24] } }, false],
  [{ rope_scaling: { rope_type: "longrope", long_factor: [1], short_factor: [1] } }, false],
])("scaled positions %j", (value, isTold) => {
  expect(scalingWithoutFactor(config(value)).length > 0).toBe(isTold);
});

test.each([
  ["adapter_model.safetensors", "adapter_model.bin", "PEFT"],
  ["model.safetensors", "pytorch_model.bin", "transformers"],
])("%s beside %s", async (taken, left, library) => {
  const weights = safetensorsFile({
    tensors: [{ name: "weight", dtype: "F32", shape: [2] }],
    data: floatBytes(1, 2),
  });
  const healthOf = async (second: number) => {
    const files = new MemoryFiles({
      [`/m/${taken}`]: weights,
      [`/m/${left}`]: torchArchive(dict({ weight: floats("0", 2) }), { "0": floatBytes(1, second) }),
    });
    const session = await CheckpointSession.open(files, "/m", () => undefined);
    return (await session.health()).filter(({ code }) => code === "CopiesDiffer");
  };
  expect(await healthOf(2)).toEqual([]);
  expect(await healthOf(3)).toMatchObject([
    {
      severity: "warning",
      message: expect.stringMatching(
        new RegExp(`hold other values: 1 of 1 tensor .*such as "weight".*${library} takes ${taken}`),
      ),
    },
  ]);
});

test("Schedule-Free that was saved in train mode", async () => {
  const groupOf = (mode: string) =>
    `](${dict({ lr: "G?PbM\xd2\xf1\xa9\xfc", train_mode: mode, weight_sum: "G?PbM\xd2\xf1\xa9\xfc", params: "](K\x00e" })}e`;
  const healthOf = async (mode: string) => {
    const state = `}(K\x00${dict({ z: floats("1", 2), exp_avg_sq: floats("2", 2) })}u`;
    const optimizer = dict({ state, param_groups: groupOf(mode) });
    const archive = torchArchive(dict({ model: dict({ weight: floats("0", 2) }), optimizer }), {
      "0": floatBytes(1, 2),
      "1": floatBytes(1, 2),
      "2": floatBytes(1, 2),
    });
    const files = new MemoryFiles({ "/run/last.pt": archive });
    const session = await CheckpointSession.open(files, "/run/last.pt", () => undefined);
    return (await session.health()).map(({ code }) => code);
  };
  expect(await healthOf("\x88")).toContain("ScheduleFreeTrainMode");
  expect(await healthOf("\x89")).not.toContain("ScheduleFreeTrainMode");
});
