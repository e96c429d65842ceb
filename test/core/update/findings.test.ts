import { describe, expect, it } from "vitest";
import { findAdapter } from "../../../src/core/adapter/adapter";
import { createMatrix } from "../../../src/core/linalg/matrix";
import { viewAdapter } from "../../../src/core/session/viewAdapter";
import { encodeValues, type WritableDtype } from "../../../src/core/tensors/encode";
import { elementCount, type Tensor } from "../../../src/core/tensors/tensor";
import { measureOneByOne } from "../../../src/core/update/measureModule";
import { type MemoryModule, type MemoryTensor, peftTensors } from "../adapter/memoryAdapters";
import { randomMatrix, scaled } from "../linalg/matrices";
import { scaleColumns } from "./randomFactors";

/** The view of an adapter in memory. */
async function viewOf(
  modules: Readonly<Record<string, MemoryModule>>,
  more: readonly MemoryTensor[] = [],
  dtype: WritableDtype = "F32",
) {
  const { tensors, read } = inMemory([...peftTensors(modules, dtype), ...more]);
  const adapter = findAdapter(tensors, undefined, new Map());
  if (adapter === undefined) throw new Error("Not recognised.");
  return viewAdapter(adapter, undefined, measureOneByOne(read));
}

function inMemory(all: readonly MemoryTensor[], usual: WritableDtype = "F32") {
  const bytes: Partial<Record<string, number>> = { F64: 8, F32: 4 };
  const tensors = all.map(
    ({ name, shape, dtype = usual }): Tensor => ({
      ...{ name, shape, dtype, offset: 0, fileIndex: 0 },
      byteSize: elementCount(shape) * (bytes[dtype] ?? 2),
    }),
  );
  const values = new Map(all.map((tensor) => [tensor.name, tensor]));
  const read = async ({ name, dtype }: Tensor) =>
    encodeValues((values.get(name) as MemoryTensor).values, dtype as WritableDtype);
  return { tensors, read };
}

async function findingsOf(...args: Parameters<typeof viewOf>) {
  return (await viewOf(...args)).findings ?? [];
}

const pair = (seed: number, rank = 4): MemoryModule => ({
  a: randomMatrix(rank, 40, seed),
  b: randomMatrix(30, rank, seed + 1),
});

function layers(make: (layer: number) => MemoryModule, count = 6): Record<string, MemoryModule> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, layer) => [`model.layers.${layer}.q_proj`, make(layer)]),
  );
}

const plain = (layer: number) => pair(10 * layer + 1);

describe("findings", () => {
  it("are none for an adapter with nothing odd", async () => {
    expect(await findingsOf(layers(plain))).toEqual([]);
  });

  it("name what was not trained", async () => {
    const untrained = (layer: number) => ({ ...plain(layer), b: createMatrix(30, 4) });
    const [all] = await findingsOf(layers(untrained));
    expect(all).toMatchObject({ code: "Untrained", severity: "warning", moduleCount: 6 });
    expect(all?.message).toBe(
      "B is all zeros in all 6 modules: the adapter was not trained and changes nothing.",
    );
    const [some] = await findingsOf(layers((layer) => (layer < 2 ? untrained(layer) : plain(layer))));
    expect(some?.message).toContain("in 2 of 6 modules: these were not trained");
    expect(some?.modules).toEqual(["model.layers.0.q_proj", "model.layers.1.q_proj"]);
  });

  it("say nothing of the whole where most modules cannot be read", async () => {
    const steep = Float64Array.of(1, 0.05, 0.001, 0.0005);
    const modules = layers((layer) => ({ ...plain(layer), b: scaleColumns(plain(layer).b, steep) }));
    const { tensors, read } = inMemory(peftTensors(modules, "F32"));
    const adapter = findAdapter(tensors, undefined, new Map());
    if (adapter === undefined) throw new Error("Not recognised.");
    const readSome: typeof read = async (tensor) => {
      if (!tensor.name.includes("layers.0.")) throw new RangeError("The file ends before it.");
      return read(tensor);
    };
    const view = await viewAdapter(adapter, undefined, measureOneByOne(readSome));
    expect(view.fingerprint).toBeUndefined();
    expect(view.findings?.map(({ code }) => code)).toEqual(["NotRead", "OneDirection"]);
    expect(view.findings?.[0]?.message).toBe(
      "5 of 6 modules could not be measured, first q_proj of layer 1: The file ends before it. " +
        "Nothing is said of the whole adapter.",
    );
  });

  it("count what LoHa and LoKr take in the file, not what a product of their rank would", async () => {
    const whole = (name: string, rows: number, cols: number, seed: number): MemoryTensor => ({
      name: `lora_unet_q.${name}`,
      shape: [rows, cols],
      values: randomMatrix(rows, cols, seed).data,
    });
    const { tensors, read } = inMemory([whole("lokr_w1", 8, 8, 1), whole("lokr_w2", 16, 16, 2)], "F64");
    const adapter = findAdapter(tensors, undefined, new Map());
    if (adapter === undefined) throw new Error("Not recognised.");
    const view = await viewAdapter(adapter, undefined, measureOneByOne(read));
    expect(view.modules[0]).toMatchObject({ rank: 128 });
    expect(view.findings).toEqual([]);
  });

  it("name experts that were not trained", async () => {
    const stacked = (name: string, shape: number[], values: Float64Array): MemoryTensor => ({
      name: `base_model.model.mlp.experts.up_proj.${name}.weight`,
      shape,
      values,
    });
    const b = randomMatrix(3 * 6, 2, 5).data.fill(0, 12, 24);
    const { tensors, read } = inMemory(
      [stacked("lora_A", [3, 2, 5], randomMatrix(3 * 2, 5, 4).data), stacked("lora_B", [3, 6, 2], b)],
      "F64",
    );
    const adapter = findAdapter(tensors, undefined, new Map());
    if (adapter === undefined) throw new Error("Not recognised.");
    const { findings, modules } = await viewAdapter(adapter, undefined, measureOneByOne(read));
    expect(modules[0]?.experts?.map(({ frobenius }) => frobenius > 0)).toEqual([true, false, true]);
    expect(findings?.map(({ code }) => code)).toEqual(["UntrainedExperts"]);
    expect(findings?.[0]?.message).toContain("1 of 3 experts of mlp.experts.up_proj were not trained");
  });

  it("name one direction that holds nearly everything, and the rank that would do", async () => {
    const steep = Float64Array.of(1, 0.05, 0.001, 0.0005);
    const one = layers((layer) => ({ ...plain(layer), b: scaleColumns(plain(layer).b, steep) }));
    const found = await findingsOf(one);
    expect(found.map(({ code }) => code)).toEqual(["OneDirection", "RankToSpare"]);
    expect(found[0]?.message).toMatch(
      /more than 99 % of the energy in all 6 modules \(q_proj of layer \d: \d+(?:\.\d)? % at rank 4\)/,
    );
    expect(found[1]?.message).toMatch(
      /^Rank 1 instead of 4 would keep 99\.\d % of the energy \(error \d\.\d % of ‖ΔW‖\) and save 5\.04 kB \(75\.0 %\)\. If the smallest singular value of each module is noise .* above it \(Marchenko-Pastur\)\.$/,
    );
  });

  it("name a scale unlike the others", async () => {
    const alpha = {
      name: "base_model.model.model.layers.2.q_proj.alpha",
      shape: [],
      values: Float64Array.of(16),
    };
    const [found] = await findingsOf(layers(plain), [alpha]);
    expect(found).toMatchObject({ code: "ScaleUnlike", modules: ["model.layers.2.q_proj"] });
    expect(found?.message).toContain(
      "The scale is 4 in 1 of 6 modules (q_proj of layer 2) and 1 in the others",
    );
  });

  it("name NaN, and measure the rest", async () => {
    const broken = plain(3);
    broken.a.data[5] = Number.NaN;
    const view = await viewOf(layers((layer) => (layer === 3 ? broken : plain(layer))));
    expect(view.findings?.[0]?.message).toContain(
      "NaN or infinity in 1 of 6 modules, first in q_proj of layer 3",
    );
    expect(view.modules.filter(({ metrics }) => metrics !== undefined)).toHaveLength(5);
  });

  it("name a module that exploded, with its factor", async () => {
    const [found] = await findingsOf(
      layers((layer) => (layer === 4 ? { ...plain(4), b: scaled(plain(4).b, 100) } : plain(layer))),
    );
    expect(found).toMatchObject({
      code: "Exploding",
      severity: "warning",
      modules: ["model.layers.4.q_proj"],
    });
    expect(found?.message).toMatch(
      /^‖ΔW‖ of q_proj of layer 4 is [\d,]+, \d+ times the median of q_proj \(\d+\.?\d*\)\.$/,
    );
  });

  it("name factors without a partner", async () => {
    const alone = { name: "base_model.model.x.lora_A.weight", shape: [2, 3], values: new Float64Array(6) };
    const [found] = await findingsOf(layers(plain), [alone]);
    expect(found).toMatchObject({ code: "MissingPair", severity: "warning" });
    expect(found?.message).toContain("base_model.model.x.lora_A.weight");
  });

  it("name components that are dead or double", async () => {
    const dead = layers((layer) => ({
      ...plain(layer),
      b: scaleColumns(plain(layer).b, Float64Array.of(1, 1, 1, 0)),
    }));
    const codes = (await findingsOf(dead)).map(({ code }) => code);
    expect(codes).toEqual(["RankToSpare", "DeadComponents"]);
    const double = layers((layer) => {
      const { a, b } = plain(layer);
      const data = a.data.slice();
      data.set(data.subarray(0, 40), 120);
      return { a: createMatrix(4, 40, data), b };
    });
    const found = await findingsOf(double);
    expect(found.find(({ code }) => code === "DuplicateComponents")?.message).toContain(
      "6 components have the direction",
    );
  });

  it("name factors that cancel, with what rounding then costs", async () => {
    const cancelling = layers((layer) => {
      const { a, b } = pair(10 * layer + 1, 8);
      const minus = createMatrix(
        30,
        8,
        b.data.map((value, at) => (at % 8 < 4 ? value : -(b.data[at - 4] as number) * 0.999)),
      );
      const twice = createMatrix(
        8,
        40,
        a.data.map((value, at) => (at < 160 ? value : (a.data[at - 160] as number))),
      );
      return { a: twice, b: minus };
    });
    const found = await findingsOf(cancelling, [], "BF16");
    const cancel = found.find(({ code }) => code === "Cancellation");
    expect(cancel?.severity).toBe("warning");
    expect(cancel?.message).toContain("rounding to BF16 can change the update by");
  });

  it("name factors of very unequal size", async () => {
    const { a, b } = plain(1);
    const [found] = await findingsOf({ q: { a: scaled(a, 1e3), b: scaled(b, 1e-3) } });
    expect(found).toMatchObject({ code: "Imbalance" });
  });
});

describe("the view of an adapter", () => {
  it("says what its tensors look like", async () => {
    const view = await viewOf(layers(plain));
    expect(view.fingerprint).toMatchObject({ kind: "trained", count: 6, total: 6 });
    expect(view.stage).toMatchObject({ stage: "fine-tuning", source: "tensors", inferred: true });
    expect(view.modules[0]).toMatchObject({ fingerprint: "trained", health: { deadComponents: 0 } });
  });
});
