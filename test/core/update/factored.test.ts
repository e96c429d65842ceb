import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findAdapter } from "../../../src/core/adapter/adapter";
import type { LoraModule } from "../../../src/core/adapter/loraModule";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { loadFactors } from "../../../src/core/update/factors";
import { measureModule } from "../../../src/core/update/measureModule";
import { UpdateAnalysis } from "../../../src/core/update/updateAnalysis";
import { configOf, moduleNamed, openFixture, tensor } from "../adapter/adapterFile";

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

  const find = (tensors: readonly Tensor[]) => findAdapter(tensors, undefined, new Map());

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
    const tucker = find([...loha("lora_unet_a", 4), tensor("lora_unet_a.hada_t1", [4, 4, 3, 3])]);
    expect(tucker).toMatchObject({ method: "LOHA", modules: [] });
    const cut = find([tensor("lora_unet_x.lokr_w1", [4, 4]), tensor("lora_unet_x.alpha", [])]);
    expect(cut).toMatchObject({ method: "LOKR", modules: [], unpaired: [], savedTensors: [] });
    expect(cut?.otherTensors).toHaveLength(2);
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
