import { describe, expect, it } from "vitest";
import { adapterOf, healthOf, type Shapes } from "../../support/healthOf";
import { safetensorsFile } from "../../support/made/safetensorsFile";

const codes = new Set([
  "AdapterShapes",
  "LoraUnpaired",
  "LoraShapeMismatch",
  "PeftRefuses",
  "WholeNumberFactors",
]);

/** Tensors of one method in two layers, by the ends of their names. */
function layers(ends: Shapes, last: Shapes = ends): Shapes {
  const of = (layer: number, shapes: Shapes) =>
    Object.entries(shapes).map(([end, shape]) => [
      `base_model.model.model.layers.${layer}.self_attn.q_proj.${end}`,
      shape,
    ]);
  return Object.fromEntries([...of(0, ends), ...of(1, ends), ...of(2, last)]);
}

async function told(shapes: Shapes, config: object) {
  const { problems } = await healthOf(adapterOf(shapes, { target_modules: ["q_proj"], ...config }));
  return problems
    .filter(({ code }) => codes.has(code))
    .map(({ severity, code, message }) => `${severity} ${code}: ${message}`);
}

const loha = { hada_w1_a: [16, 4], hada_w1_b: [4, 24], hada_w2_a: [16, 4], hada_w2_b: [4, 24] };
// 16 × 24 by PEFT's factorization: 4·4 and 4·6.
const lokr = { lokr_w1: [4, 4], lokr_w2_a: [4, 1], lokr_w2_b: [1, 6] };
const vera = { vera_lambda_b: [16], vera_lambda_d: [4] };
const hira = { hira_A: [2, 24], hira_B: [16, 2] };
const road = { road_alpha: [8], road_theta: [8] };

// The shapes are those that PEFT 0.21 makes (tuners/METHOD/layer.py).
describe("an adapter of another method than LoRA", () => {
  it.each([
    ["LoHa", loha, { peft_type: "LOHA", r: 4, alpha: 4 }],
    ["LoHa by a pattern", loha, { peft_type: "LOHA", r: 8, alpha: 4, rank_pattern: { q_proj: 4 } }],
    ["LoKr", lokr, { peft_type: "LOKR", r: 1, alpha: 4 }],
    [
      "LoKr, cut by 8",
      { lokr_w1: [8, 8], lokr_w2: [2, 3] },
      { peft_type: "LOKR", r: 8, alpha: 8, decompose_factor: 8 },
    ],
    ["VeRA", vera, { peft_type: "VERA", r: 4 }],
    ["HiRA", hira, { peft_type: "HIRA", r: 2 }],
    ["HRA", { hra_u: [24, 4] }, { peft_type: "HRA", r: 4 }],
    [
      "BOFT of any block",
      { boft_R: [1, 6, 4, 4], boft_s: [16, 1] },
      { peft_type: "BOFT", boft_block_size: 4, boft_block_num: 0 },
    ],
    ["MiSS", { miss_block: [4, 16] }, { peft_type: "MISS", r: 4, init_weights: true }],
    ["MiSS, bat", { miss_block: [4, 4, 4] }, { peft_type: "MISS", r: 4, init_weights: "bat" }],
    [
      "FourierFT by a pattern",
      { fourierft_spectrum: [7] },
      { peft_type: "FOURIERFT", n_frequency: 10, n_frequency_pattern: { q_proj: 7 } },
    ],
  ])("%s is not remarked upon as PEFT makes it", async (_, shapes, config) => {
    expect(await told(layers(shapes), config)).toEqual([]);
  });

  it.each<[string, Shapes, object, string]>([
    [
      "a rank unlike the configuration's",
      layers(loha),
      { peft_type: "LOHA", r: 7, alpha: 4 },
      "the configuration says r 7",
    ],
    [
      "a row that is missing",
      layers(loha, { ...loha, hada_w2_b: [3, 24] }),
      { peft_type: "LOHA", r: 4, alpha: 4 },
      "do not fit each other",
    ],
    [
      "a row of LoKr's that is missing",
      layers(lokr, { ...lokr, lokr_w2_a: [3, 1] }),
      { peft_type: "LOKR", r: 1, alpha: 4 },
      "a side of 12, which PEFT cuts into 3 × 4",
    ],
    [
      "a vector of another length",
      layers(vera, { ...vera, vera_lambda_d: [3] }),
      { peft_type: "VERA", r: 4 },
      "the configuration says r 4",
    ],
    [
      "factors of two ranks",
      layers(hira, { ...hira, hira_B: [16, 3] }),
      { peft_type: "HIRA", r: 2 },
      "a rank of 3",
    ],
    [
      "fewer coefficients",
      layers({ fourierft_spectrum: [10] }, { fourierft_spectrum: [9] }),
      { peft_type: "FOURIERFT", n_frequency: 10 },
      "n_frequency 10",
    ],
    [
      "a part that one module lacks",
      layers(road, { road_alpha: [8] }),
      { peft_type: "ROAD", variant: "road_1" },
      'has no "road_theta" beside it',
    ],
    ["no alpha", layers(loha), { peft_type: "LOHA", r: 4, alpha: null }, "says alpha null"],
    ["a rank of 0", layers(hira), { peft_type: "HIRA", r: 0 }, "asks for a positive rank"],
    [
      "values of AdaLoRA for other factors",
      layers({ lora_A: [4, 24], lora_B: [16, 4], lora_E: [3, 1] }),
      { peft_type: "ADALORA", init_r: 4 },
      "holds 3 values",
    ],
  ])("tells %s", async (_, shapes, config, part) => {
    const found = await told(shapes, config);
    expect(found.some((one) => one.startsWith("error") && one.includes(part))).toBe(true);
  });
});

describe("factors in a dtype of whole numbers", () => {
  const path = "base_model.model.model.layers.0.self_attn.q_proj";
  const codesOf = async (...more: readonly string[]) => {
    const tensors = [
      { name: `${path}.lora_A.weight`, dtype: "I8", shape: [2, 8] },
      { name: `${path}.lora_B.weight`, dtype: "F32", shape: [8, 2] },
      ...more.map((name) => ({ name, dtype: "F32", shape: [2] })),
    ];
    const config = { peft_type: "LORA", r: 2, lora_alpha: 2, target_modules: ["q_proj"] };
    const { problems } = await healthOf({
      ...adapterOf({}, config),
      "adapter_model.safetensors": safetensorsFile({ tensors }),
    });
    return problems.map(({ severity, code }) => `${severity} ${code}`);
  };

  it("are told, unless scales stand beside them", async () => {
    expect(await codesOf()).toContain("error WholeNumberFactors");
    expect(await codesOf(`${path}.lora_A.weight_scale`)).not.toContain("error WholeNumberFactors");
  });
});

// Shapes as PEFT 0.21 makes them of a weight of 16 × 24, and what its configuration makes of its numbers.
const further: readonly (readonly [string, Shapes, object, cut: Shapes, pattern: RegExp])[] = [
  [
    "GLoRA",
    { "glora_A.Xd": [16, 8], "glora_A.Xu": [8, 24], "glora_C.zeros": [24, 1], "glora_E.zeros": [16] },
    { peft_type: "GLORA", r: 8 },
    { "glora_E.zeros": [15] },
    /a size of 15, where .*glora_A\.Xd/,
  ],
  [
    "Poly",
    { poly_lora_A: [1, 4, 24, 2], poly_lora_B: [1, 4, 2, 16], "poly_router.module_logits": [2, 4] },
    { peft_type: "POLY", r: 2, n_tasks: 2, n_skills: 4, n_splits: 1 },
    { "poly_router.module_logits": [1, 4] },
    /a size of 1, where the configuration makes it 2 \(n_tasks\)/,
  ],
  [
    "Lily",
    { "lily_A.weight": [32, 24], "lily_B.weight": [64, 16], "lily_router.weight": [2, 32] },
    { peft_type: "LILY", r: 32, num_B: 2 },
    { "lily_B.weight": [63, 16] },
    /a size of 63, where the configuration makes it 64 \(num_B · r\)/,
  ],
  [
    "PVeRA",
    { pvera_lambda_b: [16], pvera_lambda_d: [512] },
    { peft_type: "PVERA", r: 256 },
    { pvera_lambda_d: [511] },
    /makes it 512 \(2 · r\)/,
  ],
  [
    "OSF",
    {
      "osf_svd_params.S_low": [12],
      "osf_svd_params.U_low": [16, 12],
      "osf_svd_params.V_low": [12, 24],
    },
    { peft_type: "OSF", effective_rank: 4 },
    { "osf_svd_params.V_low": [11, 24] },
    /a size of 11, where .*U_low/,
  ],
  ["RoAd", road, { peft_type: "ROAD" }, { road_theta: [7] }, /a size of 7, where .*road_alpha/],
  [
    "SHiRA",
    { shira_weight: [40], shira_indices: [2, 40] },
    { peft_type: "SHIRA", r: 1 },
    { shira_weight: [39] },
    /a size of 39, where .*shira_indices \(2 × 40\) has 40/,
  ],
  [
    "GraLoRA",
    { gralora_A: [2, 12, 4], gralora_B: [2, 4, 8] },
    { peft_type: "GRALORA", r: 4, alpha: 4, gralora_k: 2 },
    { gralora_B: [1, 4, 8] },
    /makes it 2 \(gralora_k\)/,
  ],
];

describe.each(further)("%s", (_, ends, config, cut, pattern) => {
  it("as it is saved", async () => {
    expect(await told(layers(ends), config)).toEqual([]);
  });
  it("with a row gone", async () => {
    const found = await told(layers(ends, { ...ends, ...cut }), config);
    expect(found).toContainEqual(expect.stringMatching(/^error AdapterShapes/));
    expect(found.join()).toMatch(pattern);
  });
});

it("random matrices that all modules share", async () => {
  const config = { peft_type: "VERA", r: 4, save_projection: true };
  const random = (rows: number) => ({ "base_model.vera_A": [4, 24], "base_model.vera_B": [rows, 4] });
  expect(await told({ ...layers(vera), ...random(16) }, config)).toEqual([]);
  expect(await told({ ...layers(vera), ...random(15) }, config)).toContainEqual(
    expect.stringMatching(
      /a size of 16, where base_model\.vera_B \(15 × 4\) has rows for 15 \(so it is in 3 of 3/,
    ),
  );
  const other = { ...config, r: 5 };
  expect((await told({ ...layers(vera), ...random(16) }, other)).join()).toMatch(
    /so it is in 3 of 3 modules/,
  );
});
