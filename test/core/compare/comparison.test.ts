import { describe, expect, it } from "vitest";
import { Comparison } from "../../../src/core/compare/comparison";
import { computeTimeline } from "../../../src/core/compare/computeTimeline";
import { createMatrix } from "../../../src/core/linalg/matrix";
import { truncatedFactors } from "../../../src/core/update/truncatedFactors";
import { UpdateAnalysis } from "../../../src/core/update/updateAnalysis";
import { MemoryFiles } from "../../support/memoryFiles";
import { type MemoryModule, writeAdapterFolder, writeTensors } from "../adapter/memoryAdapters";
import { randomMatrix, scaled } from "../linalg/matrices";
import { factorsOf, regauged } from "../update/randomFactors";
import { type Modules, svdModules } from "./layerModules";

function mapModules(modules: Modules, change: (module: MemoryModule, name: string) => MemoryModule): Modules {
  return Object.fromEntries(Object.entries(modules).map(([name, module]) => [name, change(module, name)]));
}

function analysis({ a, b }: MemoryModule): UpdateAnalysis {
  return new UpdateAnalysis(factorsOf(a, b));
}

const full = mapModules(svdModules, (module) => truncatedFactors(analysis(module), 8, 1));
const reduced = mapModules(svdModules, (module) => truncatedFactors(analysis(module), 3, 1));
/** Trained: everything a little, v_proj of layers 8 to 11 much. */
const tuned = mapModules(reduced, ({ a, b }, name) => {
  const layer = Number(/layers\.(\d+)/.exec(name)?.[1]);
  const step = name.includes("v_proj") && layer >= 8 ? 0.5 : 0.02;
  const moved = (matrix: typeof a, seed: number) =>
    createMatrix(
      matrix.rows,
      matrix.cols,
      matrix.data.map(
        (value, at) => value + step * (randomMatrix(matrix.rows, matrix.cols, seed).data[at] as number),
      ),
    );
  return { a: moved(a, layer + 500), b: moved(b, layer + 900) };
});

function pipeline(): MemoryFiles {
  const files = new MemoryFiles();
  writeAdapterFolder(files, "/run/a", full);
  writeAdapterFolder(files, "/run/b", reduced);
  writeAdapterFolder(files, "/run/c", tuned);
  return files;
}

const noStage = () => undefined;

describe("a pipeline of three snapshots", () => {
  const computed = Comparison.compute(pipeline(), ["/run/a", "/run/b", "/run/c"], noStage);

  it("is told in sentences with numbers", async () => {
    const { view } = await computed;
    const [reduction, training] = view.steps ?? [];
    expect(reduction?.sentence).toMatch(/^rank 8 → 3 kept 9\d\.\d % of the energy \(error \d\d\.\d %\)$/);
    expect(training?.sentence).toMatch(
      /^fine-tuning moved the update by \d+\.\d %, \d\d\.\d % of it in v_proj of layers 8–1[01], with .* of the new energy in new directions$/,
    );
    expect(view.story).toMatch(/^rank 8 → 3 kept .*; fine-tuning then moved the update by/);
  });

  it("has totals weighted by energy", async () => {
    const { view, modules } = await computed;
    const kept = view.columns[1]?.previous?.energyKept as number;
    let energy = 0;
    let total = 0;
    for (const { measurements } of modules) {
      const metrics = measurements[0]?.metrics;
      const square = (metrics?.frobenius ?? 0) ** 2;
      energy += square * (metrics?.energy[2] ?? 0);
      total += square;
    }
    expect(kept).toBeCloseTo(energy / total, 10);
    expect((view.columns[1]?.relativeChange as number) ** 2).toBeCloseTo(1 - kept, 10);
    expect(view.columns[1]?.previous?.relativeChange).toBe(view.columns[1]?.relativeChange);
  });

  it("finds the stages in the tensors where names are silent", async () => {
    const { view } = await computed;
    expect(view.columns.map(({ stage }) => stage?.stage)).toEqual(["svd", "rank-reduction", "fine-tuning"]);
    expect(view.columns[1]?.stage?.reason).toContain("the first ones of a");
    expect(view.columns.map(({ fingerprint }) => fingerprint?.kind)).toEqual([
      "balanced",
      "balanced",
      "trained",
    ]);
  });

  it("lays the modules out by layer and kind", async () => {
    const { grid, modules } = (await computed).view;
    expect(grid?.rows.map(({ label }) => label)).toEqual(
      Array.from({ length: 12 }, (_, layer) => `${layer}`),
    );
    expect(grid?.columns.map(({ label }) => label).sort()).toEqual(["q_proj", "up_proj", "v_proj"]);
    const column = grid?.columns.findIndex(({ label }) => label === "v_proj") ?? -1;
    expect(modules[grid?.cells[11 * 3 + column] ?? -1]?.module).toBe("model.layers.11.self_attn.v_proj");
  });

  it("has every metric as a table of modules and columns", async () => {
    const { view, modules } = await computed;
    const { metrics, columns } = view;
    const row = modules.findIndex(({ module }) => module === "model.layers.9.self_attn.v_proj");
    const at = (metric: Float32Array | undefined, column: number) => metric?.[row * columns.length + column];
    const [, second, third] = modules[row]?.measurements ?? [];
    expect(at(metrics?.frobenius, 1)).toBeCloseTo(second?.metrics?.frobenius ?? 0, 5);
    expect(at(metrics?.rank99, 2)).toBe(third?.metrics?.rank99);
    const pair = modules[row]?.pairs.find(({ a, b }) => a === 1 && b === 2);
    expect(at(metrics?.changePrevious, 2)).toBeCloseTo(pair?.relativeChange ?? 0, 5);
    expect(at(metrics?.keptPrevious, 2)).toBeCloseTo(pair?.energyKept ?? 0, 5);
    expect(at(metrics?.change, 0)).toBeNaN();
    expect(metrics).not.toHaveProperty("trueChange");
  });

  it("describes one module in depth", async () => {
    const comparison = await computed;
    const detail = await comparison.moduleDetail("model.layers.3.self_attn.q_proj");
    expect(detail.singularValues.map((values) => values?.length)).toEqual([8, 3, 3]);
    expect(detail.pairs?.map(({ a, b }) => [a, b])).toEqual([
      [0, 1],
      [0, 2],
      [1, 2],
    ]);
    const [reduction] = detail.pairs ?? [];
    expect(reduction?.input).toMatchObject({ rows: 8, cols: 3 });
    expect(reduction?.inputAngles).toHaveLength(3);
    expect(Math.max(...(reduction?.inputAngles ?? [1]))).toBeLessThan(1e-12);
    expect(reduction?.input?.values[3 * 3 - 1]).toBeCloseTo(1, 6);
    expect(detail.factors?.map((factor) => factor?.norms.outputs.count)).toEqual([20, 20, 20]);
    expect(detail.factors?.[0]?.histogramA.limit).toBe(detail.factors?.[2]?.histogramA.limit);
    await expect(comparison.moduleDetail("nothing")).rejects.toThrow("No snapshot");
    // The same pair, asked for alone.
    const pair = detail.pairs?.find(({ a, b }) => a === 0 && b === 1);
    expect(await comparison.modulePair("model.layers.3.self_attn.q_proj", 0, 1)).toEqual(pair);
    expect(await comparison.modulePair("model.layers.3.self_attn.q_proj", 0, 9)).toBeUndefined();
  });
});

describe("other snapshots", () => {
  const q = "model.layers.0.q_proj";
  const pair = (seed: number, rank = 4, cols = 24) => ({
    a: randomMatrix(rank, cols, seed),
    b: randomMatrix(20, rank, seed + 1),
  });

  it("names one update in two gauges as the same, and equal files as equal", async () => {
    const files = new MemoryFiles();
    const module = pair(1);
    const again = regauged(factorsOf(module.a, module.b), 5);
    writeAdapterFolder(files, "/x", { [q]: module });
    writeAdapterFolder(files, "/y", { [q]: again });
    const { view } = await Comparison.compute(files, ["/x", "/y", "/x"], noStage);
    expect(view.steps?.[0]?.sentence).toMatch(/^the same update in other factors/);
    expect(view.columns[1]?.previous?.sameness).toBe("gauge");
    const same = await Comparison.compute(files, ["/x", "/x"], noStage);
    expect(same.view.steps?.[0]?.sentence).toBe("the update is the same, byte for byte");
  });

  it("counts modules that came, went or changed their shape", async () => {
    const files = new MemoryFiles();
    writeAdapterFolder(files, "/x", { [q]: pair(1), "layers.1.k": pair(3), "layers.2.o": pair(5) });
    writeAdapterFolder(files, "/y", { [q]: pair(1), "layers.1.v": pair(7), "layers.2.o": pair(5, 4, 10) });
    const { view } = await Comparison.compute(files, ["/x", "/y"], noStage);
    expect(view.steps?.[0]?.sentence).toContain(
      "1 module added, 1 module no longer adapted, 1 module of other shapes",
    );
    const none = await Comparison.compute(files, ["/x", "/gone"], noStage);
    expect(none.view.steps?.[0]?.sentence).toBe("gone could not be read");
    expect(none.view.story).toBeUndefined();
  });

  it("tells the first training from zero", async () => {
    const files = new MemoryFiles();
    const { a } = pair(1);
    writeAdapterFolder(files, "/x", { [q]: { a, b: createMatrix(20, 4) } });
    writeAdapterFolder(files, "/y", { [q]: pair(1) });
    const { view } = await Comparison.compute(files, ["/x", "/y"], noStage);
    expect(view.steps?.[0]?.sentence).toMatch(/^training began: ‖ΔW‖ 0 → \d/);
    expect(view.columns[0]?.findings?.map(({ code }) => code)).toEqual(["Untrained"]);
  });

  it("leaves a module of NaN out of the change, and says so", async () => {
    const files = new MemoryFiles();
    const v = q.replace("q_proj", "v_proj");
    const { a, b } = pair(1);
    const broken = {
      a,
      b: createMatrix(
        b.rows,
        b.cols,
        b.data.map(() => Number.NaN),
      ),
    };
    writeAdapterFolder(files, "/x", { [q]: { a, b }, [v]: broken });
    writeAdapterFolder(files, "/y", { [q]: { a, b: scaled(b, 2) }, [v]: pair(3) });
    const { view } = await Comparison.compute(files, ["/x", "/y"], noStage);
    // Twice ΔW is 100 % away from it, whatever v_proj is.
    expect(view.columns[1]?.relativeChange).toBeCloseTo(1, 12);
    expect(view.steps?.[0]?.sentence).toBe(
      "training moved the update by 100 %, 1 module left out whose ΔW is not known in one of the two",
    );
  });

  it("counts the true change from the start of a recipe that moved the base", async () => {
    const files = new MemoryFiles();
    const start = pair(1);
    const end = { a: scaled(start.a, 1.1), b: start.b };
    writeAdapterFolder(files, "/pissa_init", { [q]: start }, { init_lora_weights: true });
    writeAdapterFolder(files, "/trained", { [q]: end }, { init_lora_weights: "pissa" });
    const { view, modules, ...comparison } = await Comparison.compute(
      files,
      ["/pissa_init", "/trained"],
      noStage,
    );
    expect(view.initialColumn).toBe(0);
    const norm = modules[0]?.measurements[0]?.metrics?.frobenius as number;
    expect(view.columns[1]?.trueChange).toBeCloseTo(0.1 * norm, 10);
    expect(view.metrics?.trueChange?.[1]).toBeCloseTo(0.1 * norm, 5);
    expect(view.metrics?.trueChange?.[0]).toBeNaN();
    expect(view.columns[0]).not.toHaveProperty("trueChange");
    expect(view.problems[0]?.message).toContain("computed against pissa_init");
    expect(comparison).toBeDefined();
    const alone = await Comparison.compute(files, ["/trained", "/trained"], noStage);
    expect(alone.view).not.toHaveProperty("initialColumn");
    expect(alone.view.problems[0]?.message).toContain("Add the adapter as it was at step 0");
  });

  it("warns of other bases, but not of one base under two names", async () => {
    const files = new MemoryFiles();
    writeAdapterFolder(files, "/x", { [q]: pair(1) }, { base_model_name_or_path: "meta/Llama-3" });
    writeAdapterFolder(files, "/y", { [q]: pair(1) }, { base_model_name_or_path: "/data/llama-3" });
    writeAdapterFolder(files, "/z", { [q]: pair(1) }, { base_model_name_or_path: "qwen" });
    const codes = async (...paths: string[]) =>
      (await Comparison.compute(files, paths, noStage)).view.problems.map(({ code }) => code);
    expect(await codes("/x", "/y")).toEqual(["BaseNames"]);
    expect(await codes("/x", "/z")).toEqual(["DifferentBases"]);
  });

  it("warns where whole weights stand beside changes of weights", async () => {
    const files = new MemoryFiles();
    writeAdapterFolder(files, "/x", { [q]: pair(1) });
    const svd = [
      { name: `${q}.U`, shape: [20, 3], values: randomMatrix(20, 3, 1).data },
      { name: `${q}.S`, shape: [3], values: Float64Array.of(3, 2, 1) },
      { name: `${q}.Vh`, shape: [3, 24], values: randomMatrix(3, 24, 2).data },
    ];
    writeTensors(files, "/svd/model.safetensors", svd);
    const { view } = await Comparison.compute(files, ["/svd", "/x"], noStage);
    expect(view.problems.map(({ code }) => code)).toEqual(["WeightsAndChanges"]);
  });
});

describe("computeTimeline", () => {
  const steps = [300, 100, 200];
  const files = new MemoryFiles();
  for (const step of steps) {
    const module = { a: randomMatrix(4, 24, 1), b: scaled(randomMatrix(20, 4, 2), step) };
    const more = step === 200 ? { "layers.1.v": module } : {};
    writeAdapterFolder(files, `/run/checkpoint-${step}`, { "layers.0.q": module, ...more });
  }
  const paths = [...steps.map((step) => `/run/checkpoint-${step}`), "/run/checkpoint-400"];

  it("puts the stages of a pipeline before the steps of its training, and what came after behind them", async () => {
    const module = { a: randomMatrix(4, 24, 1), b: randomMatrix(20, 4, 2) };
    for (const name of ["01-svd", "02-rank", "merged"])
      writeAdapterFolder(files, `/run/${name}`, { "layers.0.q": module });
    const given = [
      "/run/01-svd",
      "/run/02-rank",
      "/run/checkpoint-200",
      "/run/checkpoint-100",
      "/run/merged",
    ];
    const { checkpoints } = await computeTimeline(files, given, noStage);
    const labels = checkpoints.map(({ label }) => label);
    expect(labels).toEqual(["01-svd", "02-rank", "checkpoint-100", "checkpoint-200", "merged"]);
  });

  it("orders by step and has a value for each module and checkpoint, or NaN", async () => {
    const seen: string[] = [];
    const timeline = await computeTimeline(files, paths, noStage, {
      report: (done, total, label) => seen.push(`${done}/${total} ${label}`),
    });
    expect(timeline.checkpoints.map(({ step }) => step)).toEqual([100, 200, 300, 400]);
    expect(timeline.checkpoints[3]?.failure).toBeDefined();
    expect(timeline.modules).toEqual(["layers.0.q", "layers.1.v"]);
    const { frobenius, relativeChange, fromFirst, cosine } = timeline.values;
    const base = frobenius?.[0] as number;
    expect([...(frobenius ?? [])].map((value) => value / base)).toEqual([
      1,
      expect.closeTo(2, 5),
      expect.closeTo(3, 5),
      Number.NaN,
      Number.NaN,
      expect.closeTo(2, 5),
      Number.NaN,
      Number.NaN,
    ]);
    expect([...(relativeChange ?? [])].slice(0, 3)).toEqual([
      Number.NaN,
      expect.closeTo(1, 5),
      expect.closeTo(0.5, 5),
    ]);
    expect([...(fromFirst ?? [])].slice(1, 3)).toEqual([expect.closeTo(1, 5), expect.closeTo(2, 5)]);
    expect(cosine?.[2]).toBeCloseTo(1, 6);
    expect(seen).toEqual(["0/2 layers.0.q", "1/2 layers.1.v"]);
  });

  it("computes only what is asked for, and can be cancelled", async () => {
    const { values } = await computeTimeline(files, paths, noStage, { metrics: ["spectral"] });
    expect(Object.keys(values)).toEqual(["spectral"]);
    const controller = new AbortController();
    const report = () => controller.abort();
    await expect(
      computeTimeline(files, paths, noStage, { report, signal: controller.signal }),
    ).rejects.toThrow();
  });
});
