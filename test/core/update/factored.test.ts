import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findAdapter } from "../../../src/core/adapter/adapter";
import type { LoraModule } from "../../../src/core/adapter/loraModule";
import { comparePairs } from "../../../src/core/compare/modules/comparePairs";
import { createMatrix, vectorNorm } from "../../../src/core/linalg/matrix";
import { singularValuesOf } from "../../../src/core/linalg/singularValues";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { loadWholeUpdate } from "../../../src/core/update/composed/linearUpdate";
import { loadFactors } from "../../../src/core/update/factors";
import { loadModule, measureModule } from "../../../src/core/update/measureModule";
import { UpdateAnalysis } from "../../../src/core/update/updateAnalysis";
import { configOf, moduleNamed, openFixture, pair, tensor } from "../adapter/adapterFile";

const find = (tensors: readonly Tensor[]) => findAdapter(tensors, undefined, new Map());

const folder = join(import.meta.dirname, "../../fixtures/factored");

interface Expected {
  readonly rank: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly layout: string;
  readonly scale: number;
  readonly frobenius: number;
  readonly singularValues: readonly number[];
}

const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<
  string,
  Record<string, Expected>
>;

describe.each(Object.entries(expected))("%s (makeFactoredReference.py)", (file, modules) => {
  const { adapter, read } = openFixture(file, folder);

  it("finds exactly the modules that were written", () => {
    expect(adapter.modules.map(({ module }) => module).sort()).toEqual(Object.keys(modules).sort());
    expect(adapter.unpaired).toEqual([]);
    expect(adapter.otherTensors).toEqual([]);
  });

  it.each(Object.entries(modules))("%s has the singular values of the dense update", async (name, about) => {
    const module = moduleNamed(adapter, name);
    const { rank, inFeatures, outFeatures, layout } = about;
    expect(module).toMatchObject({ rank, inFeatures, outFeatures, layout });
    const factors = await loadFactors(module, read);
    expect(factors.scale).toBe(about.scale);
    const { metrics } = new UpdateAnalysis(factors);
    expect(Math.abs(metrics.frobenius / about.frobenius - 1)).toBeLessThan(1e-12);
    expect(metrics.singularValues).toHaveLength(about.singularValues.length);
    about.singularValues.forEach((value, k) => {
      const difference = Math.abs((metrics.singularValues[k] as number) - value);
      expect(difference).toBeLessThan(1e-12 * (about.singularValues[0] as number));
    });
  });
});

describe("what the factors are said to be", () => {
  it("names dialect and method", () => {
    const about = (file: string) => {
      const { dialect, method } = openFixture(file, folder).adapter;
      return [dialect, method];
    };
    expect(about("loha")).toEqual(["lycoris", "LOHA"]);
    expect(about("lokr")).toEqual(["lycoris", "LOKR"]);
    expect(about("peft_loha")).toEqual(["peft", "LOHA"]);
    expect(about("svd")).toEqual(["svd-factors", "SVD"]);
    expect(about("control_lora")).toEqual(["control-lora", "LORA"]);
  });

  it("says that SVD factors are weights, and keeps the rest of the model apart", () => {
    const { adapter } = openFixture("svd", folder);
    expect(adapter.problems.map(({ code }) => code)).toEqual(["FactoredWeights"]);
    expect(adapter.savedTensors.map(({ name }) => name)).toEqual(["embed.weight"]);
  });

  it("leaves ordinary layers alone that happen to be called so", () => {
    expect(find([tensor("mlp.up", [64, 16]), tensor("mlp.down", [16, 64])])).toMatchObject({
      dialect: "control-lora",
    });
    expect(find([tensor("mlp.up", [64, 48]), tensor("mlp.down", [48, 64])])).toBeUndefined();
    expect(find([tensor("mlp.up.weight", [64, 16]), tensor("mlp.down.weight", [16, 64])])).toBeUndefined();
    expect(find([tensor("x.U", [8, 4]), tensor("x.V", [4, 8])])).toBeUndefined();
    expect(find([tensor("x.U", [8, 4]), tensor("x.S", [3]), tensor("x.Vh", [4, 8])])).toBeUndefined();
    expect(find([tensor("x.q_u_proj.weight", [8, 4])])).toBeUndefined();
  });

  it("names LoHa and LoKr that have no small factors, and compares the others", () => {
    const loha = (path: string, rank: number) =>
      ["w1_a", "w1_b", "w2_a", "w2_b"].map((part) =>
        tensor(`${path}.hada_${part}`, part.endsWith("a") ? [64, rank] : [rank, 64]),
      );
    const adapter = find([...loha("lora_unet_a", 32), ...loha("lora_unet_b", 4)]);
    expect(adapter?.modules.map(({ module, rank }) => [module, rank])).toEqual([["lora_unet_b", 16]]);
    expect(adapter?.otherTensors).toHaveLength(4);
    expect(adapter?.problems.map(({ code }) => code)).toContain("AdapterMethod");
    expect(adapter?.problems.map(({ message }) => message).join()).toContain("a rank of up to 1024");
    const cut = find([tensor("lora_unet_x.lokr_w1", [4, 4]), tensor("lora_unet_x.alpha", [])]);
    expect(cut).toMatchObject({ method: "LOKR", modules: [], otherTensors: [], savedTensors: [] });
    expect(cut?.unpaired).toHaveLength(1);
    expect(cut?.problems.map(({ code }) => code)).toEqual(["LoraUnpaired"]);
  });

  it("reads PEFT's word for alpha", () => {
    expect(configOf('{"peft_type": "LOKR", "alpha": 5}').loraAlpha).toBe(5);
    expect(configOf('{"peft_type": "LORA", "alpha": 5}').loraAlpha).toBeUndefined();
  });
});

describe("a decomposition of full rank", () => {
  const rank = 300;
  const module: LoraModule = {
    ...moduleNamed(openFixture("svd", folder).adapter, "layers.0.q_proj"),
    rank,
    a: tensor("x.Vh", [rank, rank]),
    b: tensor("x.U", [rank, rank]),
    diagonal: tensor("x.S", [rank]),
  };
  const reading = (values: Float32Array) => async () => new Uint8Array(values.buffer);

  it("is measured from the singular values that the file lists", async () => {
    const values = Float32Array.from({ length: rank }, (_, k) => 1 / (k + 1));
    const { measurement, analysis } = await measureModule(module, reading(values));
    expect(measurement.metrics?.spectral).toBe(1);
    expect(measurement.metrics?.singularValues).toEqual(Float64Array.from(values));
    expect(analysis).toBeUndefined();
  });

  it("is not believed where the list is no spectrum", async () => {
    const { measurement } = await measureModule(module, reading(new Float32Array(rank).fill(-1)));
    expect(measurement.metrics).toBeUndefined();
    expect(measurement.unavailable).toBeDefined();
  });
});

/** A file of F32 tensors in memory. */
function fileOf(
  tensors: Readonly<Record<string, readonly [shape: readonly number[], values: Float32Array]>>,
) {
  const found = Object.entries(tensors).map(([name, [shape]]) => tensor(name, shape));
  const read = async ({ name }: Tensor) => new Uint8Array(tensors[name]?.[1].buffer as ArrayBuffer);
  const adapter = findAdapter(found, undefined, new Map());
  return { module: adapter?.modules[0] as LoraModule, read };
}

describe("an update of high rank that its file keeps in few values", () => {
  const random = (count: number, seed: number) =>
    Float32Array.from({ length: count }, (_, at) => Math.sin(seed + at * at * 0.7 + at));
  const c3a = (seed: number) => fileOf({ "q.c3a_kernel": [[3, 5, 100], random(1500, seed)] });
  const lokr = (seed: number, side = 150) =>
    fileOf({
      "lora_unet_q.lokr_w1": [[2, 3], random(6, seed)],
      "lora_unet_q.lokr_w2": [[side, side], random(side * side, seed + 1)],
    });

  it.each([
    ["C³A", c3a],
    ["LoKr", lokr],
  ] as const)("%s has the norm, spectrum and changes of the dense matrix", async (_, made) => {
    const [one, other] = [made(1), made(2)];
    const [first, second] = [await loaded(one), await loaded(other)];
    const [x, y] = [await whole(one), await whole(other)];

    const { metrics } = first.measure().measurement;
    expect(metrics?.frobenius).toBeCloseTo(norm(x), 9);
    const { outFeatures, inFeatures } = one.module;
    const dense = singularValuesOf(createMatrix(outFeatures, inFeatures, x));
    expect(metrics?.singularValues).toHaveLength(dense.length);
    for (const [k, value] of dense.entries()) expect(metrics?.singularValues[k]).toBeCloseTo(value, 9);
    const [compared] = comparePairs([first, second], "all").pairs;
    const change = norm(y.map((value, at) => value - (x[at] as number))) / norm(x);
    expect(compared?.relativeChange).toBeCloseTo(change, 9);
    const inner = x.reduce((sum, value, at) => sum + value * (y[at] as number), 0);
    expect(compared?.cosine).toBeCloseTo(inner / norm(x) / norm(y), 9);
    const [same] = comparePairs([first, await loaded(made(1))], "all").pairs;
    expect(same).toMatchObject({ cosine: 1, relativeChange: 0, sameness: "bytes" });
  });

  it("is given its norm alone where a decomposition would take long", async () => {
    const large = lokr(1, 300);
    const { metrics, unavailable } = (await loaded(large)).measure().measurement;
    expect(metrics?.frobenius).toBeCloseTo(norm(await whole(large)), 6);
    expect(metrics?.spectral).toBeNaN();
    expect(unavailable).toContain("only the norm");
  });

  it("is compared with none that is arranged otherwise", async () => {
    const [compared] = comparePairs([await loaded(lokr(1)), await loaded(lokr(1, 200))], "all").pairs;
    expect(compared).toMatchObject({ cosine: undefined, reason: expect.stringContaining("other sizes") });
  });

  const norm = (values: Float64Array) => vectorNorm(values, 0, values.length);
  const loaded = ({ module, read }: ReturnType<typeof fileOf>) => loadModule(module, read);
  const whole = ({ module, read }: ReturnType<typeof fileOf>) => loadWholeUpdate(module, read);
});

describe("what a method leaves out of its file", () => {
  it.each([
    ["vera_lambda_b", "VERA", "projection_prng_key"],
    ["fourierft_spectrum", "FOURIERFT", "the seed in its configuration"],
    ["miss_block", "MISS", "repeats one block along the inputs, whose number"],
    ["oft_R.weight", "OFT", "needs the base weights"],
    ["hra_u", "HRA", "needs the base weights"],
    ["randlora_lambda", "RANDLORA", "the size of the weight"],
    ["shira_weight", "SHIRA", "‖ΔW‖ is the norm of shira_weight"],
  ])("%s says what is missing", (name, method, text) => {
    const prefix = "base_model.model.layers.0.q_proj.";
    const extra = method === "VERA" ? [tensor(`${prefix}vera_lambda_d`, [4])] : [];
    const adapter = findAdapter([tensor(prefix + name, [16]), ...extra], undefined, new Map());
    expect(adapter).toMatchObject({ method, modules: [] });
    expect(adapter?.problems.map(({ message }) => message).join()).toContain(text);
  });

  it("says where the tensors are of another method than the configuration", () => {
    const factors = pair("q_proj", 4, 24, 16);
    for (const method of ["VERA", "OFT", "C3A"]) {
      const found = findAdapter(factors, configOf(`{"peft_type": "${method}"}`), new Map());
      expect(found?.problems.map(({ code }) => code)).toContain("LoraWithoutFactors");
    }
  });

  it("takes VeRA's inputs only where all modules have the same", () => {
    const [a, b] = [tensor("base_model.vera_A", [4, 32]), tensor("base_model.vera_B", [64, 4])];
    const of = (name: string) => [
      tensor(`base_model.model.layers.0.${name}.vera_lambda_b`, [16]),
      tensor(`base_model.model.layers.0.${name}.vera_lambda_d`, [4]),
    ];
    const found = (names: readonly string[]) => find([a, b, ...names.flatMap(of)]);
    expect(found(["q_proj", "v_proj"])?.modules).toHaveLength(2);
    expect(found(["q_proj", "v_proj"])?.problems).toEqual([]);
    expect(found(["q_proj", "down_proj"])?.modules).toEqual([]);
    expect(found(["q_proj", "down_proj"])?.problems[0]?.message).toContain("stand in the base model alone");
  });
});
