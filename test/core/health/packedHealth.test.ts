import { describe, expect, it } from "vitest";
import { healthOf } from "../../support/healthOf";
import { safetensorsFile } from "../../support/made/safetensorsFile";

type Given = Readonly<Record<string, readonly [dtype: string, shape: readonly number[]]>>;

/** A model of two layers whose packed modules are given, beside what is never packed. */
async function told(given: Given, quantization: object | undefined) {
  const plain: Given = {
    "model.embed_tokens.weight": ["F32", [10, 4]],
    "model.norm.weight": ["F32", [4]],
    "lm_head.weight": ["F32", [10, 4]],
  };
  const tensors = Object.entries({ ...plain, ...given }).map(([name, [dtype, shape]]) => ({
    name,
    dtype: dtype as "F32",
    shape,
  }));
  const config = {
    architectures: ["LlamaForCausalLM"],
    tie_word_embeddings: false,
    ...(quantization === undefined ? {} : { quantization_config: quantization }),
  };
  const { problems } = await healthOf({
    "model.safetensors": safetensorsFile({ tensors }),
    "config.json": JSON.stringify(config),
  });
  return problems.flatMap(({ severity, message }) => (severity === "error" ? [message] : []));
}

const layers = ["model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj"];
const each = (of: (module: string, at: number) => Given): Given =>
  Object.assign({}, ...layers.map((module, at) => of(module, at)));

const fp8 = { quant_method: "fp8" };
const bnb = { quant_method: "bitsandbytes", load_in_4bit: true };
const gptq = { quant_method: "gptq", bits: 4, group_size: -1 };

/** AutoGPTQ: [in·bits/32, out] words of codes, [groups, out·bits/32] of zero points, [groups, out] scales. */
const gptqModule =
  (lost = "") =>
  (module: string, at: number): Given => {
    const parts: Given = {
      [`${module}.qweight`]: ["I32", [4, 8]],
      [`${module}.qzeros`]: ["I32", [1, 1]],
      [`${module}.scales`]: ["F16", [1, 8]],
    };
    return Object.fromEntries(
      Object.entries(parts).filter(([name]) => at === 0 || lost === "" || !name.endsWith(lost)),
    );
  };

const codesOf = (scale: boolean | "first", dtype: string, ending: string) => (module: string, at: number) => {
  const has = scale === true || (scale === "first" && at === 0);
  return {
    [`${module}.weight`]: [dtype, dtype === "U8" ? [16, 1] : [8, 4]] as const,
    ...(has ? { [`${module}.weight${ending}`]: [dtype === "U8" ? "U8" : "F32", [1]] as const } : {}),
  };
};
const nf4 = ".quant_state.bitsandbytes__nf4";

describe("codes beside their scales", () => {
  it.each<[string, Given, object]>([
    ["FP8", each(codesOf(true, "F8_E4M3", "_scale_inv")), fp8],
    [
      "bitsandbytes",
      each((...of) => ({ ...codesOf(true, "U8", nf4)(...of), ...codesOf(true, "U8", ".absmax")(...of) })),
      bnb,
    ],
    ["GPTQ", each(gptqModule()), gptq],
  ])("are whole: %s", async (_, given, quantization) => {
    expect(await told(given, quantization)).toEqual([]);
  });

  it.each<[string, Given, object, RegExp]>([
    [
      "FP8",
      each(codesOf("first", "F8_E4M3", "_scale_inv")),
      fp8,
      /Of 2 .* 1 has no weight_scale_inv .*layers\.1/,
    ],
    ["FP8, in none", each(codesOf(false, "F8_E4M3", "")), fp8, /Of 2 .* 2 have no weight_scale_inv/],
    ["bitsandbytes", each(codesOf("first", "U8", nf4)), bnb, /1 has no weight\.quant_state.*layers\.1/],
    ["GPTQ's scales", each(gptqModule(".scales")), gptq, /1 has no scales .*layers\.1/],
    ["GPTQ's zero points", each(gptqModule(".qzeros")), gptq, /1 has no qzeros .*layers\.1/],
  ])("are lacking: %s", async (_, given, quantization, message) => {
    expect(await told(given, quantization)).toEqual([expect.stringMatching(message)]);
  });

  it("are needed by nothing that was only cast to few bits", async () => {
    expect(await told(each(codesOf(false, "F8_E4M3", "")), undefined)).toEqual([]);
  });
});

describe("a configuration", () => {
  it("that says another width than the zero points have names both", async () => {
    const [message] = await told(each(gptqModule()), { ...gptq, bits: 8 });
    expect(message).toMatch(/config\.json says 8 bits, .*qzeros is packed at 4/);
  });

  it.each([["fp8"], ["mxfp4"], ["compressed-tensors"]])("that says %s of plain weights", async (method) => {
    const plain = each((module) => ({ [`${module}.weight`]: ["F32", [8, 4]] }));
    expect(await told(plain, { quant_method: method })).toEqual([
      expect.stringMatching(`quantization_config ${method}, and no tensor is packed so`),
    ]);
  });

  it("that says nothing of codes with scales", async () => {
    expect(await told(each(codesOf(true, "F8_E4M3", "_scale_inv")), undefined)).toEqual([
      expect.stringMatching(/packed by FP8 .* no quantization_config/),
    ]);
  });

  const ct = "compressed-tensors";
  it.each<[string, (module: string) => Given, object]>([
    [
      "pruned, by a mask",
      (module) => ({
        [`${module}.bitmask`]: ["U8", [8, 1]],
        [`${module}.compressed`]: ["F32", [8, 2]],
        [`${module}.shape`]: ["I64", [2]],
      }),
      { quant_method: ct, config_groups: {}, sparsity_config: { format: "sparse-24-bitmask" } },
    ],
    [
      "pruned and stored whole",
      (module) => ({ [`${module}.weight`]: ["F32", [8, 4]] }),
      { quant_method: ct, sparsity_config: { format: "dense", sparsity_structure: "2:4" } },
    ],
    [
      "in Marlin's order",
      (module) => ({
        [`${module}.weight_packed`]: ["I32", [1, 16]],
        [`${module}.scale_packed`]: ["F16", [1, 8]],
        [`${module}.meta`]: ["I16", [8, 1]],
      }),
      { quant_method: ct, format: "marlin-24", config_groups: { g: { weights: { num_bits: 4 } } } },
    ],
  ])("of weights that compressed-tensors keeps %s", async (_, given, quantization) => {
    expect(await told(each(given), quantization)).toEqual([]);
  });

  it("of values that compressed-tensors keeps as they are", async () => {
    const plain = each((module) => ({ [`${module}.weight`]: ["F32", [8, 4]] }));
    expect(await told(plain, { quant_method: "compressed-tensors", format: "dense" })).toEqual([]);
  });
});

describe("groups of quantised weights", () => {
  // AutoGPTQ's qlinear: scales [ceil(infeatures / group_size), outfeatures]; AWQ's gemm: [in / group_size, out].
  const gptqOf =
    (groups: number) =>
    (module: string): Given => ({
      [`${module}.qweight`]: ["I32", [8, 8]],
      [`${module}.qzeros`]: ["I32", [groups, 1]],
      [`${module}.scales`]: ["F16", [groups, 8]],
    });
  const awqOf =
    (groups: number) =>
    (module: string): Given => ({
      [`${module}.qweight`]: ["I32", [64, 1]],
      [`${module}.qzeros`]: ["I32", [groups, 1]],
      [`${module}.scales`]: ["F16", [groups, 8]],
    });
  const compressedOf =
    (groups: number) =>
    (module: string): Given => ({
      [`${module}.weight_packed`]: ["I32", [8, 8]],
      [`${module}.weight_scale`]: ["BF16", [8, groups]],
      [`${module}.weight_shape`]: ["I64", [2]],
    });
  const compressed = (size: number, ignore: readonly string[] = []) => ({
    quant_method: "compressed-tensors",
    format: "pack-quantized",
    ignore,
    config_groups: { group_0: { weights: { num_bits: 4, strategy: "group", group_size: size } } },
  });

  it.each([
    ["GPTQ", gptqOf(4), { ...gptq, group_size: 16 }],
    ["GPTQ, a shorter last group", gptqOf(2), { ...gptq, group_size: 48 }],
    ["GPTQ without groups", gptqOf(1), gptq],
    ["AWQ", awqOf(4), { quant_method: "awq", bits: 4, group_size: 16, version: "gemm" }],
    ["another layout of AWQ", awqOf(4), { quant_method: "awq", bits: 4, group_size: 32, version: "gemv" }],
    ["GPTQ with sizes by layer", gptqOf(1), { ...gptq, group_size: 16, dynamic: {} }],
    ["compressed-tensors", compressedOf(4), compressed(16)],
    ["an ignored module that is not packed", compressedOf(4), compressed(16, ["lm_head"])],
  ])("fit: %s", async (_, module, settings) => {
    expect(await told(each(module), settings)).toEqual([]);
  });

  it.each([
    ["GPTQ", gptqOf(1), { ...gptq, group_size: 16 }, /groups of 16 .*1 scale for 64 inputs: one for all/],
    [
      "GPTQ said to have none",
      gptqOf(4),
      gptq,
      /one group for all inputs .*4 scales for 64 inputs: groups of 16/,
    ],
    ["AWQ", awqOf(4), { quant_method: "awq", bits: 4, group_size: 32 }, /groups of 32 .*: groups of 16/],
    ["compressed-tensors", compressedOf(4), compressed(32), /groups of 32 .*: groups of 16/],
  ])("do not: %s", async (_, module, settings, message) => {
    expect(await told(each(module), settings)).toEqual([expect.stringMatching(message)]);
  });

  it("tells a module that is packed though it is to be left as it is", async () => {
    const settings = compressed(16, ["re:.*norm", layers[0] ?? ""]);
    expect(await told(each(compressedOf(4)), settings)).toEqual([expect.stringContaining("(ignore)")]);
  });
});

describe("quantised otherwise than config.json says", () => {
  const ct = (more: object = {}) => ({
    quant_method: "compressed-tensors",
    config_groups: { g: { targets: ["Linear"], weights: { num_bits: 4 } } },
    ignore: ["lm_head"],
    ...more,
  });
  const nvfp4 = (module: string, at: number, lost = 2): Given => ({
    [`${module}.weight_packed`]: ["U8", [8, 8]],
    [`${module}.weight_scale`]: ["F8_E4M3", [8, 1]],
    ...(at === lost ? {} : { [`${module}.weight_global_scale`]: ["F32", [1]] }),
  });
  const plainFirst = (module: string, at: number): Given =>
    at === 0 ? { [`${module}.weight`]: ["BF16", [8, 16]] } : nvfp4(module, at);
  const int8 = (module: string, at: number): Given => ({
    [`${module}.weight`]: ["I8", [8, 16]],
    ...(at === 0 ? {} : { [`${module}.weight_scale`]: ["F32", [8, 1]] }),
  });
  const blocks = (rows: number) => (module: string) => ({
    [`${module}.weight`]: ["F8_E4M3", [64, 32]] as const,
    [`${module}.weight_scale_inv`]: ["F32", [rows, 2]] as const,
  });
  const blockwise = { quant_method: "fp8", weight_block_size: [16, 16] };
  const act = { ...gptq, group_size: 32, desc_act: true };

  it.each<[string, Given, object, readonly RegExp[]]>([
    ["NVFP4 that is whole", each(nvfp4), ct(), []],
    ["no global scale", each((...of) => nvfp4(...of, 1)), ct(), [/1 has no weight_global_scale .*layers\.1/]],
    ["a plain module", each(plainFirst), ct(), [/layers\.0\.mlp\.up_proj is plain.*\(ignore\)/]],
    [
      "a plain module that is left out, under a loader's name",
      each(plainFirst),
      ct({ ignore: ["model.language_model.layers.0.mlp.up_proj"] }),
      [],
    ],
    ["a plain module where expressions are left out", each(plainFirst), ct({ ignore: ["re:.*mlp"] }), []],
    ["INT8 without its scale", each(int8), ct(), [/1 has no weight_scale .*layers\.0/]],
    ["blocks with a scale each", each(blocks(4)), blockwise, []],
    ["blocks of other scales", each(blocks(1)), blockwise, [/1 × 2 for 64 × 32: loaders expect 4 × 2/]],
    ["inputs whose order is lost", each(gptqModule()), act, [/desc_act, and no module has its g_idx/]],
  ])("%s", async (_, given, quantization, wanted) => {
    expect(await told(given, quantization)).toEqual(wanted.map((one) => expect.stringMatching(one)));
  });
});
