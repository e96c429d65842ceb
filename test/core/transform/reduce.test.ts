import { describe, expect, it } from "vitest";
import { createMatrix, frobeniusNorm, type Matrix, transpose } from "../../../src/core/linalg/matrix";
import { reduceCheckpoint } from "../../../src/core/report/makeAdapter";
import { reduceReport, reduceText } from "../../../src/core/report/reduceReport";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { relativePathFrom } from "../../../src/core/stage/stageFileText";
import { rankFields } from "../../../src/core/transform/peftConfig";
import type { ReductionOptions } from "../../../src/core/transform/reductionPlan";
import { planReduction, ruleProblem } from "../../../src/core/transform/reductionPlan";
import { loadFactors } from "../../../src/core/update/factors";
import { UpdateAnalysis } from "../../../src/core/update/updateAnalysis";
import { MemoryFiles } from "../../support/memoryFiles";
import {
  type MemoryTensor,
  memorySink,
  now,
  writeAdapterFolder,
  writeTensors,
} from "../adapter/memoryAdapters";
import { randomMatrix, scaled } from "../linalg/matrices";
import { dense } from "../update/randomFactors";

const q = "model.layers.0.self_attn.q_proj";
const v = "model.layers.1.self_attn.v_proj";
const pair = (seed: number, rank = 6, rows = 20, cols = 16) => ({
  a: randomMatrix(rank, cols, seed),
  b: randomMatrix(rows, rank, seed + 1),
});

function rank(wanted: number): ReductionOptions {
  return { rule: { kind: "rank", rank: wanted }, scope: "module" };
}

async function reduce(
  files: MemoryFiles,
  path: string,
  options: ReductionOptions,
  more: { readonly out?: string; readonly replace?: boolean; readonly signal?: AbortSignal } = {},
) {
  const { out = "/run/02", replace = false, signal } = more;
  const sink = memorySink(files);
  const make = {
    files,
    sink,
    out,
    replace,
    toolVersion: "1.2",
    now,
    ...(signal === undefined ? {} : { signal }),
  };
  return reduceCheckpoint(path, options, make);
}

/** Dense updates of an adapter, as any reader would form them. */
async function updates(files: MemoryFiles, path: string): Promise<Map<string, Matrix>> {
  const session = await CheckpointSession.open(files, path, () => undefined);
  const reader = session.tensorReader();
  const found = new Map<string, Matrix>();
  for (const module of session.adapter?.modules ?? []) {
    found.set(module.module, dense(await loadFactors(module, (tensor) => reader.read(tensor))));
  }
  return found;
}

function distance(x: Matrix | undefined, y: Matrix | undefined): number {
  if (x === undefined || y === undefined) return Number.NaN;
  return frobeniusNorm(
    createMatrix(
      x.rows,
      x.cols,
      x.data.map((value, at) => value - (y.data[at] as number)),
    ),
  );
}

async function json(files: MemoryFiles, path: string): Promise<Record<string, unknown>> {
  const source = await files.open(path);
  return JSON.parse(new TextDecoder().decode(await source.read(0, source.size))) as Record<string, unknown>;
}

describe("reduceAdapter", () => {
  it("has the error that it promises in every module, and says so in its stage file", async () => {
    const files = new MemoryFiles();
    writeAdapterFolder(files, "/run/01", { [q]: pair(1), [v]: pair(3) }, { lora_alpha: 12 });
    const result = await reduce(files, "/run/01", rank(2));
    const [before, after] = [await updates(files, "/run/01"), await updates(files, "/run/02")];
    for (const { module, distance: promised, error } of result.plan.modules) {
      const actual = distance(before.get(module), after.get(module));
      expect(Math.abs(actual - promised)).toBeLessThan(1e-12 * promised);
      expect(actual / frobeniusNorm(before.get(module) as Matrix)).toBeCloseTo(error, 12);
    }
    expect(result.worstDeviation).toBeLessThan(1e-12);
    const stage = await json(files, "/run/02/checkpoint-stage.json");
    expect(stage).toMatchObject({
      stage: "rank-reduction",
      createdBy: "checkpoint-explorer 1.2",
      createdAt: now.toISOString(),
      parent: "../01",
      method: { name: "truncated-svd", kind: "rank", rank: 2, scope: "module" },
      energyKept: result.plan.energyKept,
      modules: { [q]: { rank: 2, energyKept: result.plan.modules[0]?.energyKept } },
    });
    const session = await CheckpointSession.open(files, "/run/02", () => undefined);
    expect(session.stage).toMatchObject({ stage: "rank-reduction", source: "stage-file" });
    expect(await files.stat("/run/02.tmp")).toBeUndefined();
  });

  it("keeps the scale, the configuration's other fields and what was saved whole", async () => {
    const files = new MemoryFiles();
    const config = {
      ...{ lora_alpha: 12, use_rslora: true, init_lora_weights: "gaussian", lora_dropout: 0.1, unknown: [1] },
      ...{ target_modules: ["q_proj"], modules_to_save: ["head"] },
    };
    const magnitude = {
      name: `base_model.model.${q}.lora_magnitude_vector`,
      shape: [20],
      values: new Float64Array(20).fill(2),
    };
    const head = {
      name: "base_model.model.head.weight",
      shape: [2, 3],
      values: Float64Array.of(1, 2, 3, 4, 5, 6),
    };
    writeAdapterFolder(files, "/run/01", { [q]: pair(1) }, config, [magnitude, head]);
    const result = await reduce(files, "/run/01", rank(3));
    expect(result.modules[0]?.scale).toBeCloseTo(12 / Math.sqrt(6), 12);
    expect(await json(files, "/run/02/adapter_config.json")).toMatchObject({
      ...{ r: 3, use_rslora: false, init_lora_weights: true, inference_mode: true, peft_type: "LORA" },
      ...{ lora_dropout: 0.1, unknown: [1], target_modules: ["q_proj"], modules_to_save: ["head"] },
      lora_alpha: (3 * 12) / Math.sqrt(6),
      rank_pattern: {},
      alpha_pattern: {},
    });
    const session = await CheckpointSession.open(files, "/run/02", () => undefined);
    const reader = session.tensorReader();
    for (const { name, values } of [magnitude, head]) {
      const tensor = session.checkpoint.tensors.find((candidate) => candidate.name === name);
      if (tensor === undefined) throw new Error(`${name} is missing.`);
      expect(new Float64Array((await reader.read(tensor)).buffer)).toEqual(values);
    }
    expect(result.problems.map(({ code }) => code)).toEqual(["DoraReduced"]);
  });

  it("is the identity at full rank", async () => {
    const files = new MemoryFiles();
    writeAdapterFolder(files, "/run/01-svd", { [q]: pair(1), [v]: pair(3) });
    const result = await reduce(files, "/run/01-svd", rank(64));
    const [before, after] = [await updates(files, "/run/01-svd"), await updates(files, "/run/02")];
    for (const [module, update] of before) {
      expect(distance(update, after.get(module))).toBeLessThan(1e-12 * frobeniusNorm(update));
    }
    expect(result.plan).toMatchObject({ energyKept: 1, error: 0 });
    // Nothing was reduced: the stage is still that of the source.
    expect((await json(files, "/run/02/checkpoint-stage.json")).stage).toBe("svd");
  });

  it("gives modules ranks of their own, and PEFT patterns that mean them", async () => {
    const files = new MemoryFiles();
    const flat = pair(5);
    const steep = { a: flat.a, b: scaledColumns(flat.b, (k) => 10 ** -k) };
    writeAdapterFolder(files, "/run/01", { [q]: flat, [v]: steep, "layers.9.k": pair(9) });
    const { plan } = await reduce(files, "/run/01", {
      rule: { kind: "energy", share: 0.9 },
      scope: "module",
    });
    const ranks = Object.fromEntries(plan.modules.map(({ module, rank: own }) => [module, own]));
    expect(ranks[v]).toBe(1);
    expect(ranks[q]).toBeGreaterThan(2);
    const session = await CheckpointSession.open(files, "/run/02", () => undefined);
    expect(session.adapter?.problems).toEqual([]);
    expect(Object.fromEntries(session.adapter?.modules.map((m) => [m.module, m.rank]) ?? [])).toEqual(ranks);
    expect(session.adapter?.modules.map(({ scale }) => scale)).toEqual([1, 1, 1]);
  });

  it("folds AdaLoRA's values in, keeps embeddings and convolutions what they are, and untrained modules trainable", async () => {
    const files = new MemoryFiles();
    const { a, b } = pair(1, 4);
    const tensors = [
      { name: "base_model.model.x.lora_A", shape: [4, 16], values: a.data },
      { name: "base_model.model.x.lora_B", shape: [20, 4], values: b.data },
      { name: "base_model.model.x.lora_E", shape: [4, 1], values: Float64Array.of(1, 0, -0.5, 0.25) },
      { name: "base_model.model.e.lora_embedding_A", shape: [4, 16], values: a.data },
      { name: "base_model.model.e.lora_embedding_B", shape: [20, 4], values: b.data },
      { name: "base_model.model.c.lora_A.weight", shape: [4, 4, 2, 2], values: a.data },
      { name: "base_model.model.c.lora_B.weight", shape: [20, 4, 1, 1], values: b.data },
      { name: "base_model.model.z.lora_A.weight", shape: [4, 16], values: a.data },
      { name: "base_model.model.z.lora_B.weight", shape: [20, 4], values: new Float64Array(80) },
    ];
    const config = { peft_type: "ADALORA", init_r: 4, target_r: 2, lora_alpha: 8, total_step: 9 };
    files.write("/run/01/adapter_config.json", JSON.stringify(config));
    writeTensors(files, "/run/01/adapter_model.safetensors", tensors);
    const result = await reduce(files, "/run/01", rank(2));
    expect(result.problems.map(({ code }) => code)).toEqual(["AdaLoraFolded"]);
    const written = await json(files, "/run/02/adapter_config.json");
    expect(written).toMatchObject({ peft_type: "LORA", r: 2 });
    expect(written).not.toHaveProperty("total_step");
    const session = await CheckpointSession.open(files, "/run/02", () => undefined);
    const shapes = session.checkpoint.tensors.map(
      ({ name, shape }) => `${name.slice(17)} ${shape.join("×")}`,
    );
    expect(shapes.sort()).toEqual([
      "c.lora_A.weight 2×4×2×2",
      "c.lora_B.weight 20×2×1×1",
      "e.lora_embedding_A 2×16",
      "e.lora_embedding_B 20×2",
      "x.lora_A.weight 2×16",
      "x.lora_B.weight 20×2",
      "z.lora_A.weight 2×16",
      "z.lora_B.weight 20×2",
    ]);
    const [before, after] = [await updates(files, "/run/01"), await updates(files, "/run/02")];
    for (const { module, distance: promised } of result.plan.modules) {
      expect(distance(before.get(module), after.get(module))).toBeCloseTo(promised, 10);
    }
  });

  it("writes kohya's file for kohya's adapters, and says in its metadata what was done", async () => {
    const files = new MemoryFiles();
    const { a, b } = pair(1);
    const name = "lora_unet_mid_block_attn_to_q";
    const metadata = {
      ss_network_dim: "6",
      ss_network_alpha: "3",
      ss_training_comment: "mine",
      sshs_model_hash: "x",
    };
    const tensors = [
      { name: `${name}.lora_down.weight`, shape: [6, 16], values: a.data },
      { name: `${name}.lora_up.weight`, shape: [20, 6], values: b.data },
      { name: `${name}.alpha`, shape: [], values: Float64Array.of(3) },
    ];
    writeTensors(files, "/loras/me.safetensors", tensors, metadata);
    const result = await reduce(files, "/loras/me.safetensors", rank(2), { out: "/loras/small.safetensors" });
    expect(result).toMatchObject({ format: "kohya", path: "/loras/small.safetensors" });
    const session = await CheckpointSession.open(files, "/loras/small.safetensors", () => undefined);
    expect(session.adapter).toMatchObject({ dialect: "kohya", unpaired: [] });
    expect(Object.fromEntries(session.checkpoint.metadata)).toEqual({
      ss_network_dim: "2",
      ss_network_alpha: "1",
      ss_training_comment: "dimension is resized from 6 to 2; mine",
      stage: "rank-reduction",
    });
    const [before, after] = [
      await updates(files, "/loras/me.safetensors"),
      await updates(files, "/loras/small.safetensors"),
    ];
    expect(distance(before.get(name), after.get(name))).toBeCloseTo(
      result.plan.modules[0]?.distance ?? 0,
      10,
    );
  });

  it("keeps the names, the axes and the configuration of the dialect that its source has", async () => {
    const { a, b } = pair(1);
    const [at, bt] = [transpose(a), transpose(b)];
    const values = Float64Array.of(9, 7, 5, 3, 2, 1);
    const mlx = JSON.stringify({ fine_tune_type: "dora", lora_parameters: { rank: 6, scale: 20 }, seed: 1 });
    const sources: readonly (readonly [MemoryTensor[], string[], string?])[] = [
      [
        [
          { name: `${q}.lora_a`, shape: [16, 6], values: at.data },
          { name: `${q}.lora_b`, shape: [6, 20], values: bt.data },
          { name: `${q}.m`, shape: [20], values: new Float64Array(20).fill(2) },
        ],
        [`${q}.lora_a 16×2`, `${q}.lora_b 2×20`, `${q}.m 20`],
        mlx,
      ],
      [
        [
          { name: "language_model.model.q_proj.A", shape: [16, 6], values: at.data },
          { name: "language_model.model.q_proj.B", shape: [6, 20], values: bt.data },
        ],
        ["language_model.model.q_proj.A 16×2", "language_model.model.q_proj.B 2×20"],
        JSON.stringify({ rank: 6, alpha: 0.1, dropout: 0 }),
      ],
      [
        [
          { name: "layers.0.attn.q_proj.lora_a.weight", shape: [6, 16], values: a.data },
          { name: "layers.0.attn.q_proj.lora_b.weight", shape: [20, 6], values: b.data },
        ],
        ["layers.0.attn.q_proj.lora_a.weight 2×16", "layers.0.attn.q_proj.lora_b.weight 20×2"],
        JSON.stringify({ peft_type: "LORA", r: 6, lora_alpha: 12, target_modules: ["q_proj"] }),
      ],
      [
        [
          { name: "diffusion_model.q.lora_A.weight", shape: [6, 16], values: a.data },
          { name: "diffusion_model.q.lora_B.weight", shape: [20, 6], values: b.data },
          { name: "diffusion_model.q.dora_scale", shape: [20, 1], values: new Float64Array(20).fill(2) },
        ],
        [
          "diffusion_model.q.dora_scale 20×1",
          "diffusion_model.q.lora_A.weight 2×16",
          "diffusion_model.q.lora_B.weight 20×2",
        ],
      ],
      [
        [
          { name: "layers.0.q.lora_A", shape: [6, 16], values: a.data },
          { name: "layers.0.q.lora_B", shape: [20, 6], values: b.data },
        ],
        ["layers.0.q.lora_A 2×16", "layers.0.q.lora_B 20×2"],
      ],
      [
        [
          { name: "layers.0.q.U", shape: [20, 6], values: b.data },
          { name: "layers.0.q.S", shape: [6], values },
          { name: "layers.0.q.V", shape: [16, 6], values: at.data },
        ],
        ["layers.0.q.S 2", "layers.0.q.U 20×2", "layers.0.q.V 16×2"],
      ],
    ];
    for (const [tensors, expected, config] of sources) {
      const files = new MemoryFiles();
      writeTensors(files, "/a/adapters.safetensors", tensors);
      if (config !== undefined) files.write("/a/adapter_config.json", config);
      const isFolder = config !== undefined;
      const [path, out] = isFolder ? ["/a", "/b"] : ["/a/adapters.safetensors", "/b.safetensors"];
      const { plan } = await reduce(files, path, rank(2), { out });
      const weights = isFolder ? "/b/adapters.safetensors" : out;
      const session = await CheckpointSession.open(files, weights, () => undefined);
      const found = session.checkpoint.tensors.map(({ name, shape }) => `${name} ${shape.join("×")}`);
      expect(found.sort()).toEqual(expected);
      const [before, after] = [await updates(files, path), await updates(files, weights)];
      for (const { module, distance: promised } of plan.modules)
        expect(distance(before.get(module), after.get(module))).toBeCloseTo(promised, 10);
    }
  });

  it("keeps the other settings of mlx-lm's configuration, and its scale", async () => {
    const files = new MemoryFiles();
    const { a, b } = pair(1);
    const config = { fine_tune_type: "lora", lora_parameters: { rank: 6, scale: 20, dropout: 0 }, seed: 1 };
    files.write("/a/adapter_config.json", JSON.stringify(config));
    writeTensors(files, "/a/adapters.safetensors", [
      { name: `${q}.lora_a`, shape: [16, 6], values: transpose(a).data },
      { name: `${q}.lora_b`, shape: [6, 20], values: transpose(b).data },
    ]);
    await reduce(files, "/a", rank(2), { out: "/b" });
    expect(await json(files, "/b/adapter_config.json")).toEqual({
      ...config,
      lora_parameters: { rank: 2, scale: 20, dropout: 0 },
    });
  });

  it("refuses what it cannot do, and leaves nothing behind when it is cancelled", async () => {
    const files = new MemoryFiles();
    writeAdapterFolder(files, "/run/01", { [q]: pair(1) });
    await reduce(files, "/run/01", rank(2));
    await expect(reduce(files, "/run/01", rank(2))).rejects.toMatchObject({ code: "Exists" });
    await expect(reduce(files, "/run/01", rank(3), { replace: true })).resolves.toBeDefined();
    writeTensors(files, "/model/model.safetensors", [{ name: "w", shape: [2], values: new Float64Array(2) }]);
    await expect(reduce(files, "/model", rank(2), { out: "/x" })).rejects.toMatchObject({
      code: "NotReducible",
    });
    const broken = pair(7);
    broken.a.data[3] = Number.NaN;
    writeAdapterFolder(files, "/run/nan", { [q]: broken });
    await expect(reduce(files, "/run/nan", rank(2), { out: "/x" })).rejects.toThrow("NaN");
    const controller = new AbortController();
    controller.abort();
    await expect(
      reduce(files, "/run/01", rank(2), { out: "/y", signal: controller.signal }),
    ).rejects.toThrow();
    expect(await files.stat("/y")).toBeUndefined();
    expect(await files.stat("/y.tmp")).toBeUndefined();
  });

  it("takes back what does not read back as it should", async () => {
    const files = new MemoryFiles();
    const { a, b } = pair(1);
    // Values that F16 cannot hold become infinite.
    writeAdapterFolder(files, "/run/01", { [q]: { a: scaled(a, 1e6), b: scaled(b, 1e6) } });
    const sink = memorySink(files);
    const make = {
      files,
      sink,
      out: "/run/02",
      replace: false,
      toolVersion: "1",
      now,
      dtype: "F16" as const,
    };
    await expect(reduceCheckpoint("/run/01", rank(2), make)).rejects.toMatchObject({ code: "WrongResult" });
    expect(sink.discarded).toEqual(["/run/02"]);
    expect(await files.stat("/run/02")).toBeUndefined();
  });

  it("reports for scripts and for people", async () => {
    const files = new MemoryFiles();
    writeAdapterFolder(files, "/run/01", { [q]: pair(1) });
    const result = await reduce(files, "/run/01", rank(2));
    expect(reduceReport(result)).toMatchObject({
      path: "/run/02",
      format: "peft",
      modules: [{ module: q, rankBefore: 6, rank: 2 }],
    });
    expect(reduceText(result)).toMatch(/Kept \d+\.\d % of the energy \(error \d+\.\d % of ‖ΔW‖\)/);
  });
});

describe("planReduction", () => {
  const module = (name: string, values: readonly number[]) => ({
    ...{ module: name, rank: values.length, inFeatures: 10, outFeatures: 30, bytesPerValue: 2 },
    singularValues: Float64Array.from(values),
  });

  it("chooses one rank for all that holds for all together", () => {
    const modules = [module("large", [10, 5, 1]), module("small", [1, 1, 1])];
    const plan = (share: number, scope: "uniform" | "module") =>
      planReduction(modules, { rule: { kind: "energy", share }, scope }).modules.map(({ rank: own }) => own);
    expect(plan(0.97, "uniform")).toEqual([2, 2]);
    expect(plan(0.97, "module")).toEqual([2, 3]);
    const { energyKept, bytesBefore, bytesAfter } = planReduction(modules, {
      rule: { kind: "rank", rank: 1 },
      scope: "module",
    });
    expect(energyKept).toBeCloseTo(101 / 129, 14);
    expect([bytesBefore, bytesAfter]).toEqual([2 * 3 * 40 * 2, 2 * 40 * 2]);
  });

  it("never goes below 1 nor above what is there", () => {
    const modules = [module("zero", [0, 0]), module("one", [3])];
    for (const rule of [
      { kind: "rank", rank: 64 },
      { kind: "energy", share: 1 },
      { kind: "svRatio", ratio: 2 },
      { kind: "svCumulative", share: 0.5 },
    ] as const) {
      for (const scope of ["module", "uniform"] as const) {
        const ranks = planReduction(modules, { rule, scope, maxRank: 4 }).modules.map((each) => each.rank);
        expect(ranks[1]).toBe(1);
        expect(ranks[0]).toBeGreaterThanOrEqual(1);
        expect(ranks[0]).toBeLessThanOrEqual(2);
      }
    }
  });

  it("says which numbers mean nothing", () => {
    expect(ruleProblem({ kind: "rank", rank: 0 })).toBeDefined();
    expect(ruleProblem({ kind: "rank", rank: 2.5 })).toBeDefined();
    expect(ruleProblem({ kind: "energy", share: 1.5 })).toBeDefined();
    expect(ruleProblem({ kind: "energy", share: Number.NaN })).toBeDefined();
    expect(ruleProblem({ kind: "svRatio", ratio: 0.5 })).toBeDefined();
    expect(ruleProblem({ kind: "svFro", share: 0.95 })).toBeUndefined();
  });
});

describe("rankFields", () => {
  it("lists exceptions from the most common rank, longest path first", () => {
    const written = (module: string, own: number, scale = 2) => ({ module, rank: own, scale, norm: 1 });
    expect(
      rankFields([written("a.q", 4), written("a.k", 4), written("a.b.v", 2), written("a.o", 4, 1)]),
    ).toEqual({
      r: 4,
      lora_alpha: 8,
      rank_pattern: { "a.b.v": 2 },
      alpha_pattern: { "a.b.v": 4, "a.o": 4 },
    });
    const nested = rankFields([written("x.a.q", 4), written("a.q", 2), written("b", 4)]);
    expect(nested.rank_pattern).toEqual({ "^a.q": 2 });
  });
});

describe("relativePathFrom", () => {
  it("leads from a folder to a file or folder", () => {
    expect(relativePathFrom("/run/02", "/run/01")).toBe("../01");
    expect(relativePathFrom("/run/02", "/other/x.safetensors")).toBe("../../other/x.safetensors");
    expect(relativePathFrom("C:\\run\\02", "C:\\run\\01")).toBe("../01");
    expect(relativePathFrom("C:\\run\\02", "D:\\x")).toBe("D:\\x");
    expect(relativePathFrom("/run/02/", "/run/02")).toBe(".");
  });
});

function scaledColumns(matrix: Matrix, factor: (column: number) => number): Matrix {
  return createMatrix(
    matrix.rows,
    matrix.cols,
    matrix.data.map((value, at) => value * factor(at % matrix.cols)),
  );
}

describe("UpdateAnalysis of a reduced adapter", () => {
  it("has monotone energies", async () => {
    const files = new MemoryFiles();
    writeAdapterFolder(files, "/run/01", { [q]: pair(1) });
    const { plan } = await reduce(files, "/run/01", rank(3));
    const norms = [1, 2, 3, 4].map(
      (wanted) =>
        planReduction(
          [
            {
              module: q,
              rank: 6,
              inFeatures: 16,
              outFeatures: 20,
              bytesPerValue: 8,
              singularValues: new UpdateAnalysis({ ...pair(1), scale: 1, alpha: 1, finite: true }).metrics
                .singularValues,
            },
          ],
          rank(wanted),
        ).energyKept,
    );
    expect([...norms].sort((x, y) => x - y)).toEqual(norms);
    expect(norms[2]).toBeCloseTo(plan.energyKept, 12);
  });
});
