import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { encodeValues, type WritableDtype } from "../../../../src/core/tensors/encode";
import { convertAdapter } from "../../../../src/core/transform/dialect/convertAdapter";
import { dottedPath } from "../../../../src/core/transform/dialect/flatPaths";
import { type TargetDialect, targetModules } from "../../../../src/core/transform/dialect/targetModules";
import type { ReductionRule } from "../../../../src/core/transform/reductionPlan";
import { nodeFiles } from "../../../../src/worker/nodeFiles";
import { nodeSink } from "../../../../src/worker/nodeSink";
import { openSession, type TensorData, valuesOf, writeTensors } from "../../../support/made/tensorFiles";
import { projectRoot } from "../../../support/projectRoot";

const folder = mkdtempSync(join(tmpdir(), "dialects-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function converted(path: string, to: TargetDialect, out: string, rule?: ReductionRule) {
  return convertAdapter({
    ...{ files: nodeFiles, sink: nodeSink, source: await openSession(path), to, replace: true },
    ...{ path: join(folder, out), toolVersion: "1.2.3", now: new Date(0), ...(rule && { rule }) },
  });
}

let seed = 1;
/** Values of the size of trained factors, none of which rounding to a dtype can hide behind. */
function tensor(name: string, shape: readonly number[], dtype: WritableDtype = "F32"): TensorData {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float64Array.from({ length: count }, () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647 - 0.5;
  });
  return { name, dtype, shape, data: encodeValues(values, dtype) };
}

function alpha(name: string, value: number): TensorData {
  return { name, dtype: "F32", shape: [], data: encodeValues(Float64Array.of(value), "F32") };
}

function peftFolder(
  name: string,
  tensors: readonly TensorData[],
  config: Readonly<Record<string, unknown>>,
): string {
  writeTensors(join(folder, name, "adapter_model.safetensors"), tensors);
  const fields = { peft_type: "LORA", base_model_name_or_path: "org/base", ...config };
  writeFileSync(join(folder, name, "adapter_config.json"), JSON.stringify(fields));
  return join(folder, name);
}

const attention = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
const flat = `lora_unet_${attention.replaceAll(".", "_")}`;

describe("an adapter in another dialect", () => {
  test("from PEFT to mlx-lm and back is the same, byte for byte", async () => {
    const p = "base_model.model.model.layers.";
    const source = peftFolder(
      "llm",
      [0, 1].flatMap((layer) => [
        tensor(`${p}${layer}.self_attn.q_proj.lora_A.weight`, [4, 6], "BF16"),
        tensor(`${p}${layer}.self_attn.q_proj.lora_B.weight`, [8, 4], "BF16"),
      ]),
      { r: 4, lora_alpha: 10, use_rslora: true, target_modules: ["q_proj"] },
    );
    const there = await converted(source, "mlx", "llm-mlx");
    expect(there).toMatchObject({ folded: 0, padded: 0, worstDeviation: 0 });
    const config = JSON.parse(readFileSync(join(folder, "llm-mlx", "adapter_config.json"), "utf8"));
    expect(config).toEqual({
      ...{ model: "org/base", fine_tune_type: "lora", num_layers: -1 },
      // mlx-lm multiplies by `scale` itself: alpha / √r here.
      lora_parameters: { rank: 4, scale: 5, dropout: 0, keys: ["self_attn.q_proj"] },
    });
    const mlx = await openSession(join(folder, "llm-mlx"));
    expect(mlx.checkpoint.tensors.map(({ name, shape }) => [name, shape])).toEqual(
      expect.arrayContaining([
        ["model.layers.0.self_attn.q_proj.lora_a", [6, 4]],
        ["model.layers.0.self_attn.q_proj.lora_b", [4, 8]],
      ]),
    );
    await converted(join(folder, "llm-mlx"), "peft", "llm-back");
    expect(await valuesOf(join(folder, "llm-back"))).toEqual(await valuesOf(source));
    const back = JSON.parse(readFileSync(join(folder, "llm-back", "adapter_config.json"), "utf8"));
    expect(back).toMatchObject({ peft_type: "LORA", r: 4, lora_alpha: 20, use_rslora: false });
  });

  test("takes trained biases to where mlx-lm keeps the layer beside its factors, and back", async () => {
    const q = "base_model.model.model.layers.0.self_attn.q_proj";
    const factors = [tensor(`${q}.lora_A.weight`, [4, 6]), tensor(`${q}.lora_B.weight`, [8, 4])];
    const source = peftFolder("biased", [...factors, tensor(`${q}.base_layer.bias`, [8])], {
      ...{ r: 4, lora_alpha: 4, bias: "lora_only", target_modules: ["q_proj"] },
    });
    const biasOf = async (name: string) =>
      (await openSession(join(folder, name))).checkpoint.tensors.flatMap((each) =>
        each.name.endsWith("bias") ? [each.name] : [],
      );
    await converted(source, "mlx", "biased-mlx");
    // tuner/lora.py: LoRALinear.linear is the layer that it was made of.
    expect(await biasOf("biased-mlx")).toEqual(["model.layers.0.self_attn.q_proj.linear.bias"]);
    await converted(join(folder, "biased-mlx"), "peft", "biased-back");
    expect(await biasOf("biased-back")).toEqual([`${q}.base_layer.bias`]);
  });

  test("is refused where its scale is 0", async () => {
    const silent = peftFolder(
      "silent",
      [
        tensor("base_model.model.layers.0.q.lora_A.weight", [4, 6]),
        tensor("base_model.model.layers.0.q.lora_B.weight", [8, 4]),
      ],
      { r: 4, lora_alpha: 0, target_modules: ["q"] },
    );
    await expect(converted(silent, "mlx", "silent-mlx")).rejects.toThrow(/scale of layers\.0\.q is 0/);
  });

  test("of kohya's pair with an alpha is PEFT's with it in the configuration, and kohya's again", async () => {
    const source = writeTensors(join(folder, "k.safetensors"), [
      tensor(`${flat}.lora_down.weight`, [4, 6], "F16"),
      tensor(`${flat}.lora_up.weight`, [8, 4], "F16"),
      alpha(`${flat}.alpha`, 2),
      tensor("lora_unet_conv_in.lora_down.weight", [2, 3, 3, 3], "F16"),
      tensor("lora_unet_conv_in.lora_up.weight", [5, 2, 1, 1], "F16"),
      alpha("lora_unet_conv_in.alpha", 2),
    ]);
    await converted(source, "peft", "k-peft");
    const peft = await openSession(join(folder, "k-peft"));
    expect(peft.adapter?.modules.map(({ module, rank, scale }) => [module, rank, scale])).toEqual([
      ["conv_in", 2, 1],
      [attention, 4, 0.5],
    ]);
    await converted(join(folder, "k-peft"), "kohya", "k-back.safetensors");
    expect(await valuesOf(join(folder, "k-back.safetensors"))).toEqual(await valuesOf(source));
  });

  test("of diffusers has no place for a scale: B takes it up", async () => {
    const source = writeTensors(join(folder, "scaled.safetensors"), [
      tensor(`${flat}.lora_down.weight`, [4, 6]),
      tensor(`${flat}.lora_up.weight`, [8, 4]),
      alpha(`${flat}.alpha`, 2),
    ]);
    expect(await converted(source, "diffusers", "scaled-d.safetensors")).toMatchObject({ folded: 1 });
    const [values, own] = [await valuesOf(join(folder, "scaled-d.safetensors")), await valuesOf(source)];
    expect([...values.keys()]).toEqual([
      `unet.${attention}.lora_A.weight`,
      `unet.${attention}.lora_B.weight`,
    ]);
    expect(values.get(`unet.${attention}.lora_A.weight`)).toEqual(own.get(`${flat}.lora_down.weight`));
    expect(values.get(`unet.${attention}.lora_B.weight`)).toEqual(
      own.get(`${flat}.lora_up.weight`)?.map((value) => value / 2),
    );
  });

  test("of DoRA keeps the magnitudes, in the shape that each reads", async () => {
    const source = writeTensors(join(folder, "dora.safetensors"), [
      tensor(`${flat}.lora_down.weight`, [4, 6]),
      tensor(`${flat}.lora_up.weight`, [8, 4]),
      alpha(`${flat}.alpha`, 4),
      tensor(`${flat}.dora_scale`, [8, 1]),
    ]);
    await converted(source, "peft", "dora-peft");
    const peft = await openSession(join(folder, "dora-peft"));
    const magnitude = peft.checkpoint.tensors.find(({ name }) => name.includes("magnitude"));
    expect(magnitude).toMatchObject({
      name: `base_model.model.${attention}.lora_magnitude_vector`,
      shape: [8],
    });
    expect(peft.folder.adapterConfig?.value.get("use_dora")).toBe(true);
    await converted(join(folder, "dora-peft"), "kohya", "dora-back.safetensors");
    expect(await valuesOf(join(folder, "dora-back.safetensors"))).toEqual(await valuesOf(source));
    const wide = writeTensors(join(folder, "dora-in.safetensors"), [
      tensor(`${flat}.lora_down.weight`, [4, 6]),
      tensor(`${flat}.lora_up.weight`, [8, 4]),
      tensor(`${flat}.dora_scale`, [1, 6]),
    ]);
    await expect(converted(wide, "peft", "no")).rejects.toMatchObject({ code: "NotConvertible" });
  });

  test("of LoHa is a LoRA of the rank that keeps the energy asked for", async () => {
    const source = join(projectRoot, "test/fixtures/factored/peft_loha.safetensors");
    const own = await openSession(source);
    expect(own.adapter?.method).toBe("LOHA");
    await expect(converted(source, "peft", "no")).rejects.toThrow(/no product of two factors/);
    const all = await converted(source, "peft", "loha-all", { kind: "energy", share: 1 });
    expect(all.worstDeviation).toBeLessThan(1e-5);
    expect(all.plan?.error).toBeLessThan(1e-6);
    expect((await openSession(join(folder, "loha-all"))).adapter?.method).toBe("LORA");
    const one = await converted(source, "peft", "loha-one", { kind: "rank", rank: 1 });
    expect(one.modules.every(({ rank }) => rank === 1)).toBe(true);
    // Nothing that no SVD would cut.
    expect(one.plan?.error).toBeCloseTo(Math.sqrt(1 - (one.plan?.energyKept ?? 0)), 12);
  });

  test.each<[string, readonly TensorData[], TargetDialect, RegExp]>([
    [
      "a language model's as kohya's",
      [
        tensor("model.layers.0.q_proj.lora_A.weight", [2, 4]),
        tensor("model.layers.0.q_proj.lora_B.weight", [4, 2]),
      ],
      "kohya",
      /no module of a UNet/,
    ],
    [
      "words that nobody knows",
      [
        tensor("lora_unet_my_own_block.lora_down.weight", [2, 4]),
        tensor("lora_unet_my_own_block.lora_up.weight", [4, 2]),
      ],
      "peft",
      /Name the model with --base/,
    ],
    [
      "the layout of the model's authors",
      [
        tensor("lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight", [2, 4]),
        tensor("lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight", [4, 2]),
      ],
      "diffusers",
      /code of the model's authors/,
    ],
    [
      "two networks as one model's",
      ["lora_unet_conv_in", "lora_te_text_model_encoder_layers_0_mlp_fc1"].flatMap((name) => [
        tensor(`${name}.lora_down.weight`, [2, 4]),
        tensor(`${name}.lora_up.weight`, [4, 2]),
      ]),
      "peft",
      /of one model/,
    ],
    [
      "a convolution in MLX",
      [
        tensor("lora_unet_conv_in.lora_down.weight", [2, 4, 3, 3]),
        tensor("lora_unet_conv_in.lora_up.weight", [4, 2, 1, 1]),
      ],
      "mlx",
      /convolution/,
    ],
    [
      "a scale that nobody says",
      [
        tensor("base_model.model.model.layers.0.q_proj.lora_A.weight", [2, 4]),
        tensor("base_model.model.model.layers.0.q_proj.lora_B.weight", [4, 2]),
      ],
      "mlx",
      /lora_alpha/,
    ],
    [
      "NaN",
      [
        {
          ...tensor("lora_unet_conv_in.lora_down.weight", [1, 1]),
          data: encodeValues(Float64Array.of(Number.NaN), "F32"),
        },
        tensor("lora_unet_conv_in.lora_up.weight", [1, 1]),
      ],
      "peft",
      /NaN/,
    ],
  ])("is refused for %s, and nothing is left", async (name, tensors, to, message) => {
    const place = name.replaceAll(/\W/g, "");
    const source = writeTensors(join(folder, "refused", place, "adapter_model.safetensors"), tensors);
    if (name !== "a scale that nobody says")
      writeFileSync(
        join(folder, "refused", place, "adapter_config.json"),
        JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 2 }),
      );
    const before = readdirSync(folder).sort();
    await expect(
      converted(source, to, to === "kohya" || to === "diffusers" ? "r.safetensors" : "r"),
    ).rejects.toThrow(message);
    expect(readdirSync(folder).sort()).toEqual(before);
  });
});

test("kohya's underscores are dots where the words are known, or the base says so", () => {
  expect(dottedPath("up_blocks_1_attentions_2_transformer_blocks_0_ff_net_0_proj")).toBe(
    "up_blocks.1.attentions.2.transformer_blocks.0.ff.net.0.proj",
  );
  expect(dottedPath("text_model_encoder_layers_11_self_attn_out_proj")).toBe(
    "text_model.encoder.layers.11.self_attn.out_proj",
  );
  expect(dottedPath("mid_block_resnets_0_time_emb_proj")).toBe("mid_block.resnets.0.time_emb_proj");
  expect(dottedPath("my_block_0")).toBeUndefined();
  expect(targetModules(["lora_unet_my_own_block"], "kohya", "peft", ["my_own.block"])).toEqual([
    "my_own.block",
  ]);
  // sd-scripts: te where there is one encoder, te1 and te2 where there are two.
  const encoders = ["text_encoder.text_model.a", "text_encoder_2.text_model.a", "unet.conv_in"];
  expect(targetModules(encoders, "diffusers", "kohya")).toEqual([
    "lora_te1_text_model_a",
    "lora_te2_text_model_a",
    "lora_unet_conv_in",
  ]);
  expect(targetModules(encoders.slice(0, 1), "diffusers", "kohya")).toEqual(["lora_te_text_model_a"]);
});

test("a language model's part that is called transformer is no network of a pipeline", () => {
  const gpt2 = ["transformer.h.0.attn.c_attn"];
  expect(targetModules(gpt2, "lycoris", "peft", [], true)).toEqual(gpt2);
  for (const to of ["kohya", "diffusers"] as const)
    expect(() => targetModules(gpt2, "peft", to, [], true)).toThrow(/no module of a UNet/);
  expect(() => targetModules(gpt2, "peft", "mlx", [], true)).toThrow(/mlx-lm/);
  const flux = ["transformer.transformer_blocks.0.attn.to_q"];
  expect(targetModules(flux, "peft", "diffusers", [], true)).toEqual(flux);
});
