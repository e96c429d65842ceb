import { describe, expect, it } from "vitest";
import { BaseWeights } from "../../../src/core/base/baseWeights";
import { compareWithBase } from "../../../src/core/base/compareWithBase";
import { intrudersOfModule } from "../../../src/core/base/intrudersOfModule";
import { createMatrix, frobeniusNorm, type Matrix, transpose } from "../../../src/core/linalg/matrix";
import { multiply } from "../../../src/core/linalg/multiply";
import { svd } from "../../../src/core/linalg/svd";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { findIntruders } from "../../../src/core/update/intruders";
import { UpdateAnalysis } from "../../../src/core/update/updateAnalysis";
import { MemoryFiles } from "../../support/memoryFiles";
import { tensor } from "../adapter/adapterFile";
import { writeAdapterFolder, writeTensors } from "../adapter/memoryAdapters";
import { randomMatrix, scaled } from "../linalg/matrices";
import { dense, factorsOf } from "../update/randomFactors";

const q = "model.layers.0.q_proj";
const pair = (seed: number) => ({ a: randomMatrix(4, 24, seed), b: randomMatrix(20, 4, seed + 1) });
const weight = (name: string, matrix: Matrix) => ({
  name,
  shape: [matrix.rows, matrix.cols],
  values: matrix.data,
});

async function sessions(files: MemoryFiles) {
  const open = (path: string) => CheckpointSession.open(files, path, () => undefined);
  return [await open("/adapter"), await open("/base")] as const;
}

describe("compareWithBase", () => {
  it("gives ‖ΔW‖/‖W‖ of each module, turned weights included", async () => {
    const files = new MemoryFiles();
    const w = randomMatrix(20, 24, 9);
    writeAdapterFolder(files, "/adapter", {
      [q]: pair(1),
      "h.0.c_attn": pair(3),
      lost: pair(5),
      odd: pair(7),
    });
    writeTensors(files, "/base/model.safetensors", [
      weight(`${q}.weight`, w),
      weight("transformer.h.0.c_attn.weight", transpose(w)),
      weight("odd.weight", randomMatrix(3, 3, 1)),
    ]);
    const [adapter, base] = await sessions(files);
    const result = await compareWithBase(adapter, base);
    const norm = frobeniusNorm(w);
    expect(result.modules.map(({ module }) => module).sort()).toEqual(["h.0.c_attn", q].sort());
    for (const { module, baseNorm, ratio } of result.modules) {
      expect(baseNorm / norm).toBeCloseTo(1, 12);
      const own = frobeniusNorm(dense(factorsOf(...factors(module === q ? 1 : 3))));
      expect(ratio).toBeCloseTo(own / norm, 10);
    }
    expect(result.problems.map(({ code }) => code)).toEqual(["BaseWeightMissing", "BaseWeightShape"]);
  });

  const factors = (seed: number) => [pair(seed).a, pair(seed).b] as const;

  it("finds weights under other prefixes and in kohya's spelling", () => {
    const weights = new BaseWeights([
      tensor("model.layers.0.q.weight", [2, 2]),
      tensor("down_blocks.0.attn1.to_q.weight", [2, 2]),
      tensor("a.x.weight", [2, 2]),
      tensor("b.x.weight", [2, 2]),
    ]);
    expect(weights.find("model.layers.0.q")?.name).toBe("model.layers.0.q.weight");
    expect(weights.find("layers.0.q")?.name).toBe("model.layers.0.q.weight");
    expect(weights.find("lora_unet_down_blocks_0_attn1_to_q")?.name).toBe("down_blocks.0.attn1.to_q.weight");
    expect(weights.find("x")).toBeUndefined();
  });
});

describe("intruder directions", () => {
  /** W with a known basis and a falling spectrum, and an update that adds one strong foreign direction. */
  function example(rows: number, cols: number) {
    const { u, v } = svd(randomMatrix(rows, cols, 1));
    const values = createMatrix(
      rows,
      u.cols,
      u.data.map((value, at) => value * Math.exp(-(at % u.cols) / 6)),
    );
    const base = multiply(values, transpose(v));
    // A mixture of all left directions, so like none of them.
    const foreign = createMatrix(
      rows,
      1,
      Float64Array.from({ length: rows }, (_, i) => ((i * 7919) % 13) - 6),
    );
    const b = scaled(foreign, 3 / frobeniusNorm(foreign));
    const a = scaled(randomMatrix(1, cols, 3), 1 / Math.sqrt(cols));
    return { base, update: new UpdateAnalysis(factorsOf(a, b)) };
  }

  it("are found exactly in small weights", async () => {
    const { base, update } = example(40, 30);
    const weights = { rows: 40, cols: 30, data: Float32Array.from(base.data) };
    const { report } = await findIntruders(weights, update);
    expect(report).toMatchObject({ exact: true, compared: 30 });
    expect(report.directions).toHaveLength(10);
    expect(report.directions[0]).toMatchObject({ verdict: "intruder", bound: 0 });
    expect(report.directions[0]?.cosine).toBeLessThan(0.5);
    const nothing = new UpdateAnalysis(factorsOf(randomMatrix(1, 30, 3), createMatrix(40, 1)));
    const { report: calm } = await findIntruders(weights, nothing);
    expect(calm.directions.every(({ verdict, cosine }) => verdict === "no" && cosine > 0.999)).toBe(true);
  });

  it("are never certain where only the leading directions were looked at", async () => {
    const rows = 600;
    const cols = 530;
    const base = multiply(
      createMatrix(
        rows,
        20,
        randomMatrix(rows, 20, 1).data.map((value, at) => value * Math.exp(-(at % 20) / 4)),
      ),
      randomMatrix(20, cols, 2),
    );
    const b = randomMatrix(rows, 1, 5);
    const update = new UpdateAnalysis(factorsOf(scaled(randomMatrix(1, cols, 6), 20), b));
    const weights = { rows, cols, data: Float32Array.from(base.data) };
    const { report } = await findIntruders(weights, update, { topK: 4 });
    expect(report.exact).toBe(false);
    expect(report.directions[0]?.verdict).toBe("possible");
    expect(report.directions[0]?.bound).toBeGreaterThan(0.5);
    expect(report.directions.filter(({ verdict }) => verdict === "no").length).toBeGreaterThan(0);
  });

  it("are asked for by module, over the base model's file", async () => {
    const files = new MemoryFiles();
    const { base } = example(20, 24);
    writeAdapterFolder(files, "/adapter", { [q]: pair(1) });
    writeTensors(files, "/base/model.safetensors", [weight(`${q}.weight`, transpose(base))]);
    const [adapter, model] = await sessions(files);
    const turned = await intrudersOfModule(adapter, model, q);
    const data = Float32Array.from(base.data);
    const { report: straight } = await findIntruders(
      { rows: 20, cols: 24, data },
      new UpdateAnalysis(factorsOf(pair(1).a, pair(1).b)),
    );
    expect(turned).toEqual(straight);
    await expect(intrudersOfModule(adapter, model, "nothing")).rejects.toThrow("no module");
  });
});
