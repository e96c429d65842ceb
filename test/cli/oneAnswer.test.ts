import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Problem } from "../../src/core/problem/problem";
import { discoverRuns } from "../../src/core/runs/discover/discover";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { ProbeCache } from "../../src/worker/probeCache";
import { workerHandlers } from "../../src/worker/workerHandlers";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { quietCall } from "../support/quietCall";
import { cliFolder } from "./cliFolder";

const { run, folder } = cliFolder();
const worker = workerHandlers();

type Shapes = Readonly<Record<string, readonly number[]>>;
type Files = Readonly<Record<string, string | Uint8Array>>;

/** Tensors of ones, but for the names that end with `odd`, which hold its value. */
function weights(shapes: Shapes, odd: Readonly<Record<string, number>> = {}): Uint8Array {
  const values = Object.entries(shapes).flatMap(([name, shape]) => {
    const value = Object.entries(odd).find(([ending]) => name.endsWith(ending))?.[1] ?? 1;
    return new Array<number>(shape.reduce((product, size) => product * size, 1)).fill(value);
  });
  return safetensorsFile({
    tensors: Object.entries(shapes).map(([name, shape]) => ({ name, dtype: "F32" as const, shape })),
    data: new Uint8Array(Float32Array.from(values).buffer),
  });
}

const q = "base_model.model.model.layers.0.self_attn.q_proj";
const v = q.replace("q_proj", "v_proj");
const pairs: Shapes = {
  [`${q}.lora_A.weight`]: [2, 8],
  [`${q}.lora_B.weight`]: [6, 2],
  [`${v}.lora_A.weight`]: [2, 8],
  [`${v}.lora_B.weight`]: [6, 2],
};
const config = JSON.stringify({
  ...{ peft_type: "LORA", task_type: "CAUSAL_LM", r: 2, lora_alpha: 4 },
  target_modules: "all-linear",
});
const adapter = (shapes: Shapes, odd?: Readonly<Record<string, number>>): Files => ({
  "adapter_model.safetensors": weights(shapes, odd),
  "adapter_config.json": config,
});
const half = Object.fromEntries(Object.entries(pairs).slice(0, 3));
const gathered = Object.fromEntries(Object.keys(pairs).map((name) => [name, [0]]));
const slice = Object.fromEntries(
  Object.entries(pairs).map(([name, shape]) => [name, name.includes("lora_A") ? [1, 8] : shape]),
);
const decoder = (layers: readonly number[]): Shapes =>
  Object.fromEntries([
    ["model.embed_tokens.weight", [10, 4]],
    ["lm_head.weight", [10, 4]],
    ...layers.map((layer) => [`model.layers.${layer}.mlp.up_proj.weight`, [8, 4]] as const),
  ]);
const model = (layers: readonly number[]): Files => ({
  "model.safetensors": weights(decoder(layers)),
  "config.json": JSON.stringify({
    model_type: "llama",
    num_hidden_layers: 3,
    hidden_size: 4,
    vocab_size: 10,
  }),
});
const index = JSON.stringify({
  weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
});

const cases: readonly (readonly [string, Files, readonly string[]])[] = [
  ["a whole adapter", adapter(pairs), []],
  ["a whole model", model([0, 1, 2]), []],
  ["no tensors", adapter({}), ["error NoTensors"]],
  ["tensors without values", adapter(gathered), ["error NoValues"]],
  ["a factor without its partner", adapter(half), ["error LoraUnpaired"]],
  ["one process's slice", adapter(slice), ["error OneRankOnly"]],
  ["an update of zero", adapter(pairs, { "lora_B.weight": 0 }), ["warning Untrained"]],
  ["one update of zero", adapter(pairs, { "v_proj.lora_B.weight": 0 }), ["warning Untrained"]],
  [
    "a cut trainer_state.json",
    { ...adapter(pairs), "trainer_state.json": '{"global_step": 10,' },
    ["error TrainerStateTruncated"],
  ],
  [
    "a factor that is not finite",
    adapter(pairs, { "v_proj.lora_B.weight": Number.NaN }),
    ["error NotFiniteValues"],
  ],
  ["a missing layer", model([0, 2]), ["error LayersMissing"]],
  [
    "a missing shard",
    { "model.safetensors.index.json": index, "model-00001-of-00002.safetensors": weights({ a: [2] }) },
    ["error MissingShard", "error MissingShards"],
  ],
  ["an empty optimizer", { ...adapter(pairs), "optimizer.pt": "" }, ["error EmptyFile"]],
  [
    "a dangerous scheduler",
    { ...adapter(pairs), "scheduler.pt": "cos\nsystem\n(S'true'\ntR." },
    ["error DangerousImport"],
  ],
];

/** Without remarks, which do not speak against a checkpoint. */
const told = (problems: readonly Pick<Problem, "severity" | "code">[]) =>
  [
    ...new Set(
      problems.filter(({ severity }) => severity !== "info").map((each) => `${each.severity} ${each.code}`),
    ),
  ].sort();

async function inEditor(path: string) {
  const location = { kind: "path", path } as const;
  const { handle, summary } = await worker.open({ location, userStages: [] }, ...quietCall);
  const found = await worker.health({ handle, baseFacts: { chosen: undefined, roots: [] } }, ...quietCall);
  return told([...summary.problems, ...found]);
}

async function inTree(path: string) {
  const cache = new ProbeCache(nodeFiles);
  const { runs } = await discoverRuns(nodeFiles, [{ path: dirname(path), name: "ws" }], {
    exclude: () => false,
    maxDepth: 8,
    maxFolders: 1000,
    peek: (each, signal) => cache.peek(each, signal),
    judge: (each, signal) => cache.judge(each, [dirname(path)], signal),
  });
  return told(runs[0]?.checkpoints[0]?.problems ?? []);
}

describe("the editor, the run tree, inspect, verify and runs give one answer", () => {
  test.each(cases)("of %s", async (name, files, expected) => {
    const path = join(folder, name.replaceAll(/\W/g, "-"), "checkpoint-10");
    mkdirSync(path, { recursive: true });
    for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
    const answers = {
      editor: await inEditor(path),
      tree: await inTree(path),
      inspect: told(run("inspect", path, "--json").json().problems),
      verify: told(run("verify", path, "--json").json().problems),
      runs: told(run("runs", dirname(path), "--json").json()[0].checkpoints[0].problems),
    };
    expect(answers).toEqual({
      editor: expected,
      tree: expected,
      inspect: expected,
      verify: expected,
      runs: expected,
    });
    const isBroken = expected.some((each) => each.startsWith("error"));
    expect(run("verify", path).status).toBe(isBroken ? 1 : 0);
  });
});
