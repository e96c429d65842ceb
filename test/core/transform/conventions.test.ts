import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { extractCheckpoint, reduceCheckpoint } from "../../../src/core/report/makeAdapter";
import { encodeValues } from "../../../src/core/tensors/encode";
import { combine } from "../../../src/core/transform/combine/combine";
import { convertAdapter } from "../../../src/core/transform/dialect/convertAdapter";
import type { TargetDialect } from "../../../src/core/transform/dialect/targetModules";
import { convert } from "../../../src/core/transform/model/convert";
import { merge } from "../../../src/core/transform/model/merge";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { nodeSink } from "../../../src/worker/nodeSink";
import { openSession, writeTensors } from "../../support/made/tensorFiles";
import { projectRoot } from "../../support/projectRoot";

/** What loaders do with a result, as their sources have it. */

const folder = mkdtempSync(join(tmpdir(), "conventions-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sample = join(projectRoot, "media", "sample");
const [svd, tuned] = [join(sample, "01-svd"), join(sample, "03-fine-tuning", "checkpoint-240")];
const common = { files: nodeFiles, sink: nodeSink, replace: false, toolVersion: "1", now: new Date(0) };
const made = { ...common, pause: () => Promise.resolve() };
const at = (name: string) => join(folder, name);

interface Header {
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly bytes: number }>;
}

/** Of a safetensors file, held against its format: a header of a multiple of 8 bytes, and no byte that is no tensor's. */
function headerOf(path: string): Header {
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE(0));
  expect(length % 8).toBe(0);
  const { __metadata__: metadata, ...own } = JSON.parse(file.toString("utf8", 8, 8 + length));
  const spans = Object.entries<{ shape: number[]; data_offsets: [number, number] }>(own);
  let end = 0;
  for (const [, { data_offsets: span }] of [...spans].sort(
    ([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0],
  )) {
    expect(span[0]).toBe(end);
    end = span[1];
  }
  expect(8 + length + end).toBe(file.length);
  const tensors = spans.map(
    ([
      name,
      {
        shape,
        data_offsets: [from, to],
      },
    ]) => [name, { shape, bytes: to - from }] as const,
  );
  return { metadata, tensors: new Map(tensors) };
}

async function converted(path: string, to: TargetDialect, out: string): Promise<string> {
  return (await convertAdapter({ ...common, source: await openSession(path), to, path: at(out) })).path;
}

const writers: Readonly<Record<string, (out: string) => Promise<string>>> = {
  reduced: async (out) => {
    const options = { rule: { kind: "energy", share: 0.8 }, scope: "module" } as const;
    return (await reduceCheckpoint(svd, options, { ...made, out: at(out) })).path;
  },
  combined: async (out) => {
    const adapters = [svd, tuned].map(async (path, index) => ({
      session: await openSession(path),
      weight: 1 - index / 4,
    }));
    return (await combine({ ...common, adapters: await Promise.all(adapters), path: at(out) })).path;
  },
  "of mlx": async (out) => converted(await converted(tuned, "mlx", `${out}-mlx`), "peft", out),
  extracted: async (out) => {
    const base = await openSession(join(sample, "base"));
    const adapters = [{ session: await openSession(tuned), weight: 1 }];
    const { path } = await merge({
      ...common,
      base,
      adapters,
      path: at(`${out}-merged`),
      maxShardBytes: 5e9,
    });
    const rule = { kind: "energy", share: 0.9, maxRank: 16 } as const;
    return (await extractCheckpoint(join(sample, "base"), path, rule, false, { ...made, out: at(out) })).path;
  },
};

test.each(Object.entries(writers))(
  "PEFT finds the modules and ranks of an adapter that was %s",
  async (name, write) => {
    const path = await write(`peft-${name.replace(" ", "-")}`);
    const config = JSON.parse(readFileSync(join(path, "adapter_config.json"), "utf8"));
    const { tensors } = headerOf(join(path, "adapter_model.safetensors"));
    // check_target_module_exists of tuners_utils.py, over the base's modules.
    const targets: unknown = config.target_modules;
    const isTarget = (module: string) =>
      typeof targets === "string"
        ? new RegExp(`^(?:${targets})$`).test(module)
        : (targets as string[]).some((one) => module === one || module.endsWith(`.${one}`));
    const modules = [...headerOf(join(sample, "base", "model.safetensors")).tensors]
      .filter(([weight, { shape }]) => weight.endsWith("_proj.weight") && shape.length === 2)
      .map(([weight]) => weight.replace(/\.weight$/, ""));
    const adapted = modules.filter(isTarget);
    expect(config.exclude_modules ?? null).toBe(null);
    expect(config.layers_to_transform ?? null).toBe(null);
    // get_peft_model_state_dict of save_and_load.py leaves the adapter's name out.
    const keys = adapted.flatMap((module) =>
      ["A", "B"].map((factor) => `base_model.model.${module}.lora_${factor}.weight`),
    );
    expect([...tensors.keys()].sort()).toEqual(keys.sort());
    // get_pattern_key of utils/other.py: the first pattern that ends the path.
    const ranks = Object.entries<number>(config.rank_pattern ?? {});
    for (const module of adapted) {
      const own =
        ranks.find(([pattern]) => new RegExp(`^(?:.*\\.)?(?:${pattern})$`).test(module))?.[1] ?? config.r;
      expect(tensors.get(`base_model.model.${module}.lora_A.weight`)?.shape[0], module).toBe(own);
      expect(tensors.get(`base_model.model.${module}.lora_B.weight`)?.shape[1], module).toBe(own);
    }
    expect(config.peft_type).toBe("LORA");
  },
);

test("transformers finds each tensor of a model in shards by its index, and safetensors by its header", async () => {
  const source = await openSession(join(sample, "base"));
  const { path } = await convert({
    ...{ ...common, source, path: at("shards"), maxShardBytes: 60_000 },
    options: { only: "model", dtype: "F16" },
  });
  const shards = readdirSync(path).filter((name) => name.endsWith(".safetensors"));
  expect(shards.length).toBeGreaterThan(2);
  const total = String(shards.length).padStart(5, "0");
  expect(shards).toEqual(
    shards.map((_, index) => `model-${String(index + 1).padStart(5, "0")}-of-${total}.safetensors`),
  );
  const headers = shards.map((name) => [name, headerOf(join(path, name))] as const);
  // load_state_dict of modeling_utils.py refuses a file that does not say its format.
  for (const [, { metadata }] of headers) expect(metadata).toEqual({ format: "pt" });
  const index = JSON.parse(readFileSync(join(path, "model.safetensors.index.json"), "utf8"));
  const placed = headers.flatMap(([name, { tensors }]) =>
    [...tensors.keys()].map((tensor) => [tensor, name] as const),
  );
  expect(index.weight_map).toEqual(Object.fromEntries(placed));
  expect(placed).toHaveLength(source.checkpoint.tensors.length);
  const bytes = headers.flatMap(([, { tensors }]) => [...tensors.values()].map((one) => one.bytes));
  expect(index.metadata.total_size).toBe(bytes.reduce((sum, one) => sum + one, 0));
  const { torch_dtype, dtype } = JSON.parse(readFileSync(join(path, "config.json"), "utf8"));
  expect(torch_dtype ?? dtype).toBe("float16");
});

test("diffusers takes an adapter by its name, its prefixes and its factors alone", async () => {
  const pair = (module: string, rank: number) =>
    [
      { name: `${module}.lora_down.weight`, shape: [rank, 8] },
      { name: `${module}.lora_up.weight`, shape: [8, rank] },
      { name: `${module}.alpha`, shape: [] },
    ].map((each) => ({
      ...each,
      dtype: "F32",
      data: encodeValues(new Float64Array(each.shape[0] === undefined ? 1 : rank * 8).fill(0.5), "F32"),
    }));
  const source = writeTensors(at("kohya.safetensors"), [
    ...pair("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q", 4),
    ...pair("lora_te1_text_model_encoder_layers_0_self_attn_q_proj", 2),
  ]);
  const path = await converted(source, "diffusers", "pytorch_lora_weights.safetensors");
  const { tensors, metadata } = headerOf(path);
  expect(metadata?.format).toBe("pt");
  // lora_pipeline.py: every key holds "lora" or "dora_scale", and belongs to the UNet or a text encoder.
  for (const [name, { shape }] of tensors) {
    expect(name).toMatch(/^(?:unet|text_encoder)\..*\.lora_[AB]\.weight$/);
    expect(shape).toHaveLength(2);
  }
  expect([...tensors.keys()].filter((name) => name.startsWith("text_encoder."))).toHaveLength(2);
  expect(tensors.size).toBe(4);
});
