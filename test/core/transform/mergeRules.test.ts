import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { average } from "../../../src/core/transform/model/average";
import { merge } from "../../../src/core/transform/model/merge";
import { sinceInitial } from "../../../src/core/transform/model/sinceInitial";
import { verifyMerge } from "../../../src/core/transform/model/verifyMerge";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { nodeSink } from "../../../src/worker/nodeSink";
import { openSession, type TensorData, valuesOf, writeTensors } from "../../support/made/tensorFiles";
import { projectRoot } from "../../support/projectRoot";

const folder = mkdtempSync(join(tmpdir(), "merge-rules-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function tensor(name: string, shape: readonly number[], values: readonly number[]): TensorData {
  return { name, dtype: "F32", shape, data: new Uint8Array(Float32Array.from(values).buffer) };
}

function written(
  name: string,
  tensors: readonly TensorData[],
  config?: object,
  file = "adapter_model.safetensors",
): string {
  writeTensors(join(folder, name, file), tensors);
  const configName = file.startsWith("adapter") ? "adapter_config.json" : "config.json";
  if (config !== undefined) writeFileSync(join(folder, name, configName), JSON.stringify(config));
  return join(folder, name);
}

const embedding = tensor("model.embed_tokens.weight", [3, 2], [1, 2, 3, 4, 5, 6]);
const q = "model.layers.0.self_attn.q_proj";
const weights = [embedding, tensor(`${q}.weight`, [2, 2], [1, 0, 0, 1]), tensor(`${q}.bias`, [2], [1, 1])];
const head = tensor("lm_head.weight", [3, 2], [1, 2, 3, 4, 5, 6]);
const nines = new Uint8Array(new Float32Array(6).fill(9).buffer);
const ofModel = { model_type: "llama", architectures: ["LlamaForCausalLM"] };
const base = written(
  "base",
  [...weights, head],
  { ...ofModel, tie_word_embeddings: false },
  "model.safetensors",
);
const tied = written("tied", weights, { ...ofModel, tie_word_embeddings: true }, "model.safetensors");

const p = "base_model.model.";
const pair = [
  tensor(`${p}${q}.lora_A.weight`, [1, 2], [1, 2]),
  tensor(`${p}${q}.lora_B.weight`, [2, 1], [3, 4]),
];
const embeddingPair = [
  tensor(`${p}model.embed_tokens.lora_embedding_A`, [1, 3], [1, 1, 1]),
  tensor(`${p}model.embed_tokens.lora_embedding_B`, [2, 1], [1, 1]),
];
const lora = { peft_type: "LORA", r: 1, lora_alpha: 2 };
const rows = tensor(`${p}model.embed_tokens.token_adapter.trainable_tokens_delta`, [2, 2], [9, 8, 7, 6]);

async function merged(out: string, from: string, adapter: string, weight = 1, isScaleKnown = false) {
  return merge({
    ...{ files: nodeFiles, sink: nodeSink, path: join(folder, out), replace: false, maxShardBytes: 5e9 },
    ...{ toolVersion: "1", now: new Date(0), isScaleKnown },
    base: await openSession(from),
    adapters: [{ session: await openSession(adapter), weight }],
  });
}

describe("what an adapter keeps beside its factors", () => {
  test.each([
    [
      "rows of tokens, in the order that the configuration lists them",
      [...pair, rows],
      { ...lora, trainable_token_indices: [2, 0] },
      { "model.embed_tokens.weight": [7, 6, 3, 4, 9, 8], [`${q}.weight`]: [7, 12, 8, 17] },
    ],
    [
      "rows alone, by the name of their embedding",
      [tensor(`${p}model.embed_tokens.trainable_tokens_delta`, [1, 2], [9, 8])],
      { peft_type: "TRAINABLE_TOKENS", token_indices: [1] },
      { "model.embed_tokens.weight": [1, 2, 9, 8, 5, 6] },
    ],
    [
      "a bias that was trained below base_layer",
      [...pair, tensor(`${p}${q}.base_layer.bias`, [2], [5, 6])],
      { ...lora, bias: "all" },
      { [`${q}.bias`]: [5, 6] },
    ],
  ])("is merged: %s", async (name, tensors, config, wanted) => {
    const adapter = written(`ad-${name}`, tensors, config);
    const { path } = await merged(`out-${name}`, base, adapter);
    const values = await valuesOf(path);
    for (const [key, each] of Object.entries(wanted)) expect(values.get(key)).toEqual(each);
    const sessions = await Promise.all([path, base, adapter].map(openSession));
    const [result, from, session] = sessions as [
      (typeof sessions)[0],
      (typeof sessions)[0],
      (typeof sessions)[0],
    ];
    const verified = await verifyMerge({ merged: result, base: from, adapters: [{ session, weight: 1 }] });
    expect(verified.isMerged).toBe(true);
  });

  test("leaves a classifier alone, which has no head over the vocabulary", async () => {
    const config = {
      ...ofModel,
      architectures: ["LlamaForSequenceClassification"],
      tie_word_embeddings: true,
    };
    const from = written("classifier", weights, config, "model.safetensors");
    const { path, plan } = await merged(
      "classified",
      from,
      written("of-embeddings", [...pair, ...embeddingPair], lora),
    );
    expect(plan.isUntied).toBe(false);
    expect((await valuesOf(path)).get("model.embed_tokens.weight")).toEqual([3, 4, 5, 6, 7, 8]);
  });

  const own = [1, 2, 3, 4, 5, 6];
  test.each([
    ["factors of the embeddings", embeddingPair, [3, 4, 5, 6, 7, 8], own],
    ["a head saved whole", [{ ...head, name: `${p}lm_head.weight`, data: nines }], own, [9, 9, 9, 9, 9, 9]],
    [
      "both saved whole",
      [embedding, { ...head, data: nines }].map((each) => ({ ...each, name: p + each.name })),
      own,
      [9, 9, 9, 9, 9, 9],
    ],
  ])("makes a tied head a weight of its own: %s", async (name, tensors, embeddings, ofHead) => {
    const adapter = written(`apart-${name}`, [...pair, ...tensors], lora);
    const { path, plan } = await merged(`untied-${name}`, tied, adapter);
    expect(plan.isUntied).toBe(true);
    const values = await valuesOf(path);
    expect(values.get("model.embed_tokens.weight")).toEqual(embeddings);
    expect(values.get("lm_head.weight")).toEqual(ofHead);
    const config = JSON.parse(readFileSync(join(path, "config.json"), "utf8"));
    expect(config).toEqual({ ...ofModel, tie_word_embeddings: false });
    const [result, from, session] = await Promise.all([
      openSession(path),
      openSession(tied),
      openSession(adapter),
    ]);
    const verified = await verifyMerge({ merged: result, base: from, adapters: [{ session, weight: 1 }] });
    expect(verified.isMerged).toBe(true);
  });

  test.each([
    [
      "half of what was saved whole",
      base,
      [...pair, { ...head, name: `${p}lm_head.weight` }],
      lora,
      0.5,
      /alone and with weight 1/,
    ],
    [
      "half of rows",
      base,
      [rows],
      { ...lora, trainable_token_indices: [0, 1] },
      0.5,
      /alone and with weight 1/,
    ],
    ["rows that nobody lists", base, [...pair, rows], lora, 1, /does not say which/],
    [
      "rows behind the last",
      base,
      [...pair, rows],
      { ...lora, trainable_token_indices: [0, 3] },
      1,
      /resize the base/,
    ],
    [
      "names of GGUF",
      join(projectRoot, "test/fixtures/ggufTwins/gemma2.gguf"),
      pair,
      lora,
      1,
      /--names transformers/,
    ],
    ["a scale that nobody says", base, pair, undefined, 1, /lora_alpha/],
    [
      "embeddings that are the head of an encoder and decoder too",
      written(
        "tied-both",
        weights,
        { ...ofModel, tie_word_embeddings: true, is_encoder_decoder: true },
        "model.safetensors",
      ),
      embeddingPair,
      lora,
      1,
      /untied/,
    ],
  ])("is refused: %s", async (name, from, tensors, config, weight, message) => {
    const adapter = written(`no-${name}`, tensors, config);
    await expect(merged("refused", from, adapter, weight)).rejects.toThrow(message);
    expect(readdirSync(folder).filter((each) => each.startsWith("refused"))).toEqual([]);
  });

  test("is scaled as the user says where the adapter does not", async () => {
    const { path } = await merged("scaled", base, written("no-scale", pair), 2, true);
    expect((await valuesOf(path)).get(`${q}.weight`)).toEqual([7, 12, 8, 17]);
  });
});

describe("an adapter that took its first factors out of the base", () => {
  const trained = written("pissa", pair, { ...lora, init_lora_weights: "pissa" });
  const first = [
    tensor(`${p}${q}.lora_A.weight`, [1, 2], [1, 1]),
    tensor(`${p}${q}.lora_B.weight`, [2, 1], [1, 0]),
  ];
  const initial = written("pissa-init", first, lora);

  async function since(from: string, before: string) {
    return sinceInitial({ session: await openSession(from), weight: 1 }, await openSession(before));
  }

  test("is merged by what training changed: W + s·(B·A − B₀·A₀)", async () => {
    await expect(merged("no-pissa", base, trained)).rejects.toThrow(/--initial/);
    const path = join(folder, "pissa-merged");
    const { merged: modules } = await merge({
      ...{ files: nodeFiles, sink: nodeSink, path, replace: false, maxShardBytes: 5e9 },
      ...{ toolVersion: "1", now: new Date(0) },
      base: await openSession(base),
      adapters: await since(trained, initial),
    });
    // 1 0 0 1 + 2 · (3 6 4 8 − 1 1 0 0)
    expect((await valuesOf(path)).get(`${q}.weight`)).toEqual([5, 10, 8, 17]);
    expect(modules.map(({ module }) => module)).toEqual([q]);
  });

  test("is refused with factors of another adapter, and where the base lost more than they are", async () => {
    const larger = written("pissa-larger", [
      tensor(`${p}${q}.lora_A.weight`, [2, 2], [1, 1, 1, 1]),
      tensor(`${p}${q}.lora_B.weight`, [2, 2], [1, 0, 1, 1]),
    ]);
    await expect(since(trained, larger)).rejects.toThrow(/not in it with the same factors/);
    const quantised = written("loftq", pair, { ...lora, init_lora_weights: "loftq" });
    await expect(since(quantised, initial)).rejects.toThrow(/LoftQ/);
  });
});

test("a model of diffusers keeps the name that diffusers looks for", async () => {
  const unet = written(
    "unet",
    [tensor("conv_in.weight", [1, 1, 1, 1], [1])],
    { _class_name: "UNet2DConditionModel" },
    "diffusion_pytorch_model.safetensors",
  );
  const kohya = writeTensors(join(folder, "unet-lora.safetensors"), [
    tensor("lora_unet_conv_in.lora_down.weight", [1, 1, 1, 1], [2]),
    tensor("lora_unet_conv_in.lora_up.weight", [1, 1, 1, 1], [3]),
  ]);
  const { path, files } = await merged("unet-merged", unet, kohya);
  expect(files).toContain("diffusion_pytorch_model.safetensors");
  expect((await valuesOf(path)).get("conv_in.weight")).toEqual([7]);
});

describe("an average", () => {
  async function averaged(out: string, paths: readonly string[]) {
    return average({
      ...{ files: nodeFiles, sink: nodeSink, path: join(folder, out), replace: false, maxShardBytes: 5e9 },
      ...{ toolVersion: "1", now: new Date(0), weights: paths.map(() => 1) },
      snapshots: await Promise.all(paths.map(openSession)),
    });
  }

  test("of adapters of one scale is an adapter; of equal ones it is themselves, byte by byte", async () => {
    const adapter = written("mean", pair, lora);
    const { path } = await averaged("mean-out", [adapter, adapter, adapter]);
    const read = (from: string, file: string) => readFileSync(join(from, file));
    expect(await valuesOf(path)).toEqual(await valuesOf(adapter));
    expect(read(path, "adapter_config.json")).toEqual(read(adapter, "adapter_config.json"));
    expect((await openSession(path)).adapter?.modules).toHaveLength(1);
  });

  test("of adapters says how far its update is from the mean of their updates", async () => {
    const one = (name: string, a: number, b: number) =>
      written(
        name,
        [tensor(`${p}${q}.lora_A.weight`, [1, 1], [a]), tensor(`${p}${q}.lora_B.weight`, [1, 1], [b])],
        lora,
      );
    // Of 1·1 and 3·3 the mean is 5; that of the factors gives 2·2, 1/5 away from it.
    const { problems } = await averaged("apart", [one("ones", 1, 1), one("threes", 3, 3)]);
    expect(problems.map(({ code, message }) => [code, /is ([\d.]+) %/.exec(message)?.[1]])).toEqual([
      ["FactorsAveraged", "20.0"],
    ]);
  });

  test("of adapters that no A and B make is said in words that are true of them", async () => {
    const ofMethod = (name: string, type: string, end: string) =>
      [1, 2].map((value) =>
        written(`${name}${value}`, [tensor(`${p}${q}.${end}`, [1, 2, 2], [value, 1, 1, 1])], {
          peft_type: type,
        }),
      );
    // A mean of circulant kernels is the kernel of the mean.
    const exact = await averaged("c3a-mean", ofMethod("c3a", "C3A", "c3a_kernel"));
    expect(exact.problems).toEqual([]);
    const turned = await averaged("oft-mean", ofMethod("oft", "OFT", "oft_R.weight"));
    expect(turned.problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^These are adapters of OFT:/),
    ]);
  });

  test("is refused for other scales and for NaN", async () => {
    const adapters = [written("mean", pair, lora), written("mean-other", pair, { ...lora, lora_alpha: 4 })];
    await expect(averaged("no-mean", adapters)).rejects.toThrow(/Combine them/);
    const broken = written("nan", [tensor("w", [2], [1, Number.NaN])], undefined, "model.safetensors");
    const good = written("number", [tensor("w", [2], [1, 2])], undefined, "model.safetensors");
    await expect(averaged("no-mean", [good, broken])).rejects.toThrow(/Leave that snapshot out/);
    expect(existsSync(join(folder, "no-mean"))).toBe(false);
  });
});
