import { describe, expect, it } from "vitest";
import { adapterOf, factors, healthOf, module, type Shapes } from "../../support/healthOf";
import { ggufFile } from "../../support/made/ggufFile";

async function told(shapes: Shapes, config: object) {
  const { problems } = await healthOf(adapterOf(shapes, { target_modules: ["q_proj"], ...config }));
  return problems
    .filter(({ code }) => ["AdapterShapes", "NotChecked", "TargetsNotNamed", "LoraUnpaired"].includes(code))
    .map(({ severity, message }) => `${severity}: ${message}`);
}

/** Of one module, and what stands below no module. */
const of = (ends: Shapes, shared: Shapes = {}): Shapes => ({
  ...Object.fromEntries(Object.entries(ends).map(([end, shape]) => [`${module}.${end}`, shape])),
  ...Object.fromEntries(Object.entries(shared).map(([end, shape]) => [`base_model.${end}`, shape])),
});

const randlora = { randlora_lambda: [4, 2], randlora_gamma: [2, 8], randlora_B: [16, 4, 4] };
const frod = { frod_lambda_l: [16], frod_lambda_s_values: [2] };
const basis = { "frod_V.self_attn_q_proj": [16, 16], "frod_s_indices.self_attn_q_proj": [2, 2] };
const adamss = { "adamss_A.0": [1, 7], "adamss_B.0": [4, 1], "adamss_A.1": [1, 7], "adamss_B.1": [3, 1] };
const shadow = { "shadow_down.default.weight": [8, 16], "shadow_up.default.weight": [16, 8] };

// Shapes as PEFT 0.21 makes them; what is told below it fails to load, draws anew or leaves out.
describe("parts of a method in several tensors", () => {
  it.each<[string, Shapes, object, string, cut: Shapes]>([
    [
      "RandLoRA's random matrix cut in one place",
      of(randlora, { randlora_B: [16, 4, 4] }),
      { peft_type: "RANDLORA", r: 4 },
      "is the same matrix as",
      of(randlora, { randlora_B: [15, 4, 4] }),
    ],
    [
      "RandLoRA's random matrix of too few bases",
      of({ randlora_lambda: [4, 2], randlora_gamma: [2, 8] }, { randlora_B: [16, 2, 4] }),
      { peft_type: "RANDLORA", r: 4 },
      "1 bases, fewer than",
      of({ randlora_lambda: [4, 2], randlora_gamma: [2, 8] }, { randlora_B: [16, 1, 4] }),
    ],
    [
      "FRoD's values",
      of(frod, basis),
      { peft_type: "FROD" },
      "1 for 2",
      of({ ...frod, frod_lambda_s_values: [1] }, basis),
    ],
    [
      "ShadowPEFT's rank",
      of(shadow),
      { peft_type: "SHADOW", r: 8 },
      "of rank 7, where the configuration says r 8",
      of({ "shadow_down.default.weight": [7, 16], "shadow_up.default.weight": [16, 7] }),
    ],
    [
      "AdaMSS' factors",
      of({ ...adamss, adamss_newB: [7, 16] }),
      { peft_type: "ADAMSS", r: 100 },
      "7 for 6",
      of({ ...adamss, adamss_newB: [6, 16] }),
    ],
    [
      "a subspace of AdaMSS that lost a factor",
      of({ ...adamss, adamss_newB: [7, 16] }),
      { peft_type: "ADAMSS", r: 100 },
      "has no",
      of({ "adamss_A.0": [1, 7], "adamss_B.0": [4, 1], "adamss_A.1": [1, 7], adamss_newB: [7, 16] }),
    ],
    [
      "SHiRA's values without their places",
      of({ shira_weight: [40], shira_indices: [2, 40] }),
      { peft_type: "SHIRA", r: 1 },
      "no random_seed",
      of({ shira_weight: [40] }),
    ],
  ])("tells %s", async (_, shapes, config, part, cut) => {
    expect((await told(shapes, config)).filter((one) => !one.startsWith("info: Not checked"))).toEqual([]);
    expect((await told(cut, config)).some((one) => one.startsWith("error") && one.includes(part))).toBe(true);
  });

  it("says what no rule decides", async () => {
    const unilora = { "base_model.unilora_theta_d": [256] };
    const config = { peft_type: "UNILORA", r: 4, theta_d_length: 256 };
    expect(await told(unilora, config)).toEqual([expect.stringMatching(/^info: Not checked: r 4 /)]);
    const beft = await told(of({ beft_bias: [16] }), { peft_type: "BEFT" });
    expect(beft).toEqual([expect.stringMatching(/^info: Not checked: the shapes of its tensors/)]);
    expect(await told(of({ hra_u: [24, 4] }), { peft_type: "HRA", r: 4 })).toEqual([]);
  });
});

describe("a LoRA whose modules are not named", () => {
  const lora = { peft_type: "LORA", r: 8, lora_alpha: 8 };
  const down = (path: string) => ({ [`${path}.lora_A.weight`]: [8, 16], [`${path}.lora_B.weight`]: [16, 8] });

  it.each<[string, Shapes, object | null, string]>([
    ["that PEFT may choose", factors, null, "info"],
    [
      "that no choice of PEFT's has",
      { ...factors, ...down(module.replace("q_proj", "out")) },
      null,
      "warning",
    ],
    ["by an empty list", factors, [], "error"],
  ])("is told, %s", async (_, shapes, targets, severity) => {
    const found = await told(shapes, { ...lora, target_modules: targets });
    expect(found).toEqual([expect.stringMatching(new RegExp(`^${severity}`))]);
  });
});

it("tells factors under names that llama.cpp does not know", async () => {
  const tensors = ["A", "B"].map((end) => ({ name: `blk.0.attn_q.weight.lora${end}`, values: [1, 2] }));
  const { problems } = await healthOf(
    { "a.gguf": ggufFile({ keys: { "general.type": "adapter" }, tensors }) },
    "/run/a.gguf",
  );
  expect(problems).toContainEqual(expect.objectContaining({ severity: "error", code: "AdapterNames" }));
});

it("tells four factors of which diffusers uses one", async () => {
  const path = "text_encoder.text_model.encoder.layers.0.self_attn";
  const four = (projection: string) =>
    ["q", "k", "v", "out"].flatMap((own) => [
      [`${path}.${projection}.to_${own}_lora.down.weight`, [4, 16]] as const,
      [`${path}.${projection}.to_${own}_lora.up.weight`, [16, 4]] as const,
    ]);
  const { "adapter_model.safetensors": bytes } = adapterOf(Object.fromEntries(four("k_proj")));
  const { problems } = await healthOf({ "lora.safetensors": bytes }, "/run/lora.safetensors");
  expect(problems).toContainEqual(
    expect.objectContaining({ code: "LorasNotUsed", message: expect.stringContaining("3 of 4") }),
  );
});
