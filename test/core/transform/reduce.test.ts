import { describe, expect, it } from "vitest";
import { createMatrix, frobeniusNorm, type Matrix } from "../../../src/core/linalg/matrix";
import { reduceCheckpoint } from "../../../src/core/report/makeAdapter";
import { reduceReport, reduceText } from "../../../src/core/report/reduceReport";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { planReduction } from "../../../src/core/transform/reductionPlan";
import { UpdateAnalysis } from "../../../src/core/update/updateAnalysis";
import { MemoryFiles } from "../../support/memoryFiles";
import { memorySink, now, writeAdapterFolder, writeTensors } from "../adapter/memoryAdapters";
import { scaled } from "../linalg/matrices";
import { distance, json, pair, q, rank, reduce, updates, v } from "./reducing";

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
