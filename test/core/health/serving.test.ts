import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loraFields, peftTypes } from "../../../src/core/health/peftReleases";
import { servingFactsOf } from "../../../src/core/health/servingLimits";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";

const docs = readFileSync(join(projectRoot, "docs", "serving.md"), "utf8");
const module = "base_model.model.model.layers.0.self_attn.q_proj";

async function infos(config: object, more: readonly string[] = []): Promise<readonly string[]> {
  const r = "r" in config ? (config.r as number) : 8;
  const tensors = [
    { name: `${module}.lora_A.weight`, dtype: "F32", shape: [r, 16] },
    { name: `${module}.lora_B.weight`, dtype: "F32", shape: [16, r] },
    ...more.map((name) => ({ name, dtype: "F32", shape: [16] })),
  ];
  const files = new MemoryFiles({
    "/run/adapter_model.safetensors": safetensorsFile({ tensors }),
    "/run/adapter_config.json": JSON.stringify({
      peft_type: "LORA",
      task_type: "CAUSAL_LM",
      r,
      lora_alpha: 16,
      target_modules: ["q_proj"],
      ...config,
    }),
  });
  const session = await CheckpointSession.open(files, "/run", () => undefined);
  const health = await session.health();
  return health.filter(({ code }) => /^(?:PeftVersion|Serving)$/.test(code)).map(({ message }) => message);
}

describe("the tables in the code and in docs/serving.md are the same", () => {
  test("fields", () => {
    const rows = new Map(
      [...docs.matchAll(/^\| `(\w+)` \| (0\.\d+\.\d+) \|/gm)].map(([, field, release]) => [field, release]),
    );
    for (const [field, release] of loraFields) expect([field, rows.get(field)]).toEqual([field, release]);
    const newer = [...rows].filter(([field, release]) => release !== "0.0.1" && !loraFields.has(field ?? ""));
    // Never saved.
    expect(newer.map(([field]) => field)).toEqual(["base_model_name_or_path", "runtime_config"]);
  });

  test("types", () => {
    const rows = [...docs.matchAll(/^\| (0\.\d+\.\d+) \| \d{4}-\d\d-\d\d \| ([A-Z0-9_, ]+) \|$/gm)];
    const types = rows.flatMap(([, release, list]) =>
      (list ?? "").split(", ").map((type) => [type, release] as const),
    );
    expect(types.length).toBeGreaterThan(30);
    for (const [type, release] of types) {
      if (release !== "0.0.1") expect([type, peftTypes.get(type)]).toEqual([type, release]);
    }
  });

  test("day", () => expect(docs).toContain(`State of ${servingFactsOf}`));
});

describe("the PEFT that an adapter needs", () => {
  test("is not told where nearly every release does", async () => {
    const silent = { use_dora: false, rank_pattern: {}, exclude_modules: null, init_lora_weights: true };
    expect(await infos({ ...silent, modules_to_save: null })).toEqual([]);
  });

  test("is that of the newest setting that says something", async () => {
    const [message] = await infos({ use_rslora: true, target_parameters: ["experts.w"], use_dora: false });
    expect(message).toBe("Needs PEFT ≥ 0.17.0, the first that knows target_parameters.");
  });

  test("says too where old loaders fail at fields that say nothing", async () => {
    const [message] = await infos({ use_rslora: true, exclude_modules: null });
    expect(message).toMatch(
      /^Needs PEFT ≥ 0\.8\.0, .* newer fields too \(exclude_modules\): PEFT before 0\.14\.0/,
    );
  });

  test("knows types and the way factors were begun", async () => {
    expect(await infos({ peft_type: "BONE" })).toContainEqual(expect.stringMatching(/0\.14\.0 to 0\.18\.1/));
    expect((await infos({ init_lora_weights: "pissa_niter_4" }))[0]).toMatch(/≥ 0\.11\.0.*pissa_niter_4/);
  });
});

describe("what servers make of an adapter", () => {
  test("nothing is said of a plain one", async () => {
    expect(await infos({})).toEqual([]);
  });

  test("vLLM's rank is an option of few values", async () => {
    expect((await infos({ r: 24 }))[0]).toMatch(/^vLLM, as read on .*needs --max-lora-rank 32 for rank 24/);
    expect((await infos({ r: 1024 }))[0]).toMatch(/refuses rank 1024/);
  });

  test("DoRA, saved modules and patterns", async () => {
    const messages = await infos(
      {
        use_dora: true,
        modules_to_save: ["lm_head"],
        alpha_pattern: { q_proj: 4 },
        rank_pattern: { q_proj: 8 },
      },
      [`${module}.lora_magnitude_vector`],
    );
    const of = (program: string) => messages.find((message) => message.startsWith(program));
    expect(of("vLLM")).toMatch(/refuses DoRA; refuses modules_to_save \(lm_head\); leaves alpha_pattern out/);
    expect(of("llama.cpp")).toMatch(
      /stops at 1 of 3 names that it does not know, first ".*lora_magnitude_vector"/,
    );
    expect(of("SGLang")).toMatch(/refuses DoRA/);
  });

  test("is not said of adapters that paint pictures", async () => {
    expect(await infos({ task_type: "FEATURE_EXTRACTION", r: 64 })).toEqual([]);
  });
});
