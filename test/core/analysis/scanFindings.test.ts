import { describe, expect, it } from "vitest";
import { countDeadRows, mayHaveDeadRows } from "../../../src/core/analysis/deadRows";
import { duplicateCandidates } from "../../../src/core/analysis/duplicateCandidates";
import { layerOutliers, type ScannedTensor } from "../../../src/core/analysis/layerOutliers";
import { packScanChunk, ScanTable, scanColumns } from "../../../src/core/analysis/scanTable";
import type { TensorStatistics } from "../../../src/core/analysis/statisticColumns";
import { deadRowsFinding, tensorFindings } from "../../../src/core/analysis/tensorFindings";
import { someStatistics } from "../../support/someStatistics";

const usual = someStatistics({
  min: -0.1,
  max: 0.1,
  mean: 0,
  std: 0.02,
  absMax: 0.1,
  l2: 1.6,
});

function scanned(name: string, statistics: Partial<TensorStatistics> = {}, row = 0): ScannedTensor {
  return { row, name, shape: [64, 100], dtype: "F32", statistics: { ...usual, ...statistics } };
}

describe("findings", () => {
  it.each([
    ["w", { nan: 1, inf: 2 }, "error NotFinite", "1 NaN and 2 infinite values among 6,400"],
    ["attn.mask", { inf: 3 }, "info NotFinite", "as masks have them"],
    ["w", { zeros: 6400 }, "warning AllZeros", "All 6,400 values are zero: what"],
    ["q.lora_B.weight", { zeros: 6400 }, "info AllZeros", "as they are before training"],
    ["w", { absMax: 70_000 }, "warning ExplodedValues", "does not fit into F16"],
  ])("of %s with %o are %s", (name, statistics, what, message) => {
    const [finding] = tensorFindings(scanned(name, statistics));
    expect(`${finding?.severity} ${finding?.code}`).toBe(what);
    expect(finding?.message).toContain(message);
    expect(finding?.tensor).toBe(name);
  });

  it("are none of usual weights, of variances of batches and of a tensor without values", () => {
    expect(tensorFindings(scanned("w"))).toEqual([]);
    expect(tensorFindings(scanned("bn.running_var", { absMax: 30_000 }))).toEqual([]);
    expect(tensorFindings({ ...scanned("w", { zeros: 0 }), shape: [0, 4] })).toEqual([]);
  });

  it("of one dead row of an embedding is a note", () => {
    expect(deadRowsFinding({ name: "wte.weight", shape: [50, 4] }, 1).severity).toBe("info");
    expect(deadRowsFinding({ name: "mlp.weight", shape: [50, 4] }, 5)).toMatchObject({
      severity: "warning",
      message: "5 rows are all zeros, of 50 (10.0 %).",
    });
  });
});

describe("dead rows", () => {
  it("are counted across chunks, minus zeros included", async () => {
    // Rows of 4.8 MB, so that none ends where a chunk does.
    const shape = [4, 1_200_000];
    const values = new Float32Array((shape[0] as number) * (shape[1] as number));
    values[1_200_000 + 5] = 1;
    values[2 * 1_200_000 + 7] = -0;
    values[4 * 1_200_000 - 1] = 1e-45;
    const bytes = new Uint8Array(values.buffer);
    const read = async (offset: number, length: number) => bytes.slice(offset, offset + length);
    expect(await countDeadRows({ shape, byteSize: bytes.length }, 4, read)).toBe(2);
  });

  it("are looked for only where there are zeros enough", () => {
    const tensor = { shape: [10, 20], dtype: "F32" };
    expect(mayHaveDeadRows(tensor, { ...usual, zeros: 19 })).toBe(false);
    expect(mayHaveDeadRows(tensor, { ...usual, zeros: 20 })).toBe(true);
    expect(mayHaveDeadRows(tensor, { ...usual, zeros: 200 })).toBe(false);
    expect(mayHaveDeadRows({ shape: [200], dtype: "F32" }, { ...usual, zeros: 20 })).toBe(false);
  });
});

describe("outliers among layers", () => {
  const layers = (count: number, odd: Partial<TensorStatistics>) =>
    Array.from({ length: count }, (_, layer) =>
      scanned(
        `layers.${layer}.up.weight`,
        layer === 3 ? odd : { std: 0.02 * (1 + 0.01 * (layer % 5)), absMax: 0.1 },
        layer,
      ),
    );

  it("stand far from the median, and say so", () => {
    const [outlier, ...others] = layerOutliers(layers(16, { std: 0.4, absMax: 0.1 }));
    expect(others).toEqual([]);
    expect(outlier).toMatchObject({ row: 3, metric: "std" });
    // ln(0.4 / 0.0204) / 0.05: the spread of the others is smaller than the least that counts.
    expect(outlier?.z).toBeCloseTo(59.5, 0);
    expect(outlier?.reason).toContain("std 0.4 against 0.0204, the median of 16 tensors of this name");
  });

  it("are not told of few layers, of small differences, or of layers that are alike", () => {
    expect(layerOutliers(layers(5, { std: 0.4 }))).toEqual([]);
    expect(layerOutliers(layers(16, { std: 0.027 }))).toEqual([]);
    expect(layerOutliers(layers(16, { std: 0.0204 }))).toEqual([]);
    expect(layerOutliers(layers(16, { std: 0, absMax: 0 }))).toEqual([]);
  });
});

describe("duplicates", () => {
  it("are looked for among tensors with the same numbers, that are not one number", () => {
    const groups = duplicateCandidates([
      scanned("a", { mean: 0.123 }, 1),
      scanned("b", {}, 2),
      scanned("c", { mean: 0.123 }, 3),
      scanned("ones", { min: 1, max: 1, mean: 1 }, 4),
      scanned("ones too", { min: 1, max: 1, mean: 1 }, 5),
      { ...scanned("small", { mean: 0.5 }, 6), shape: [2] },
      { ...scanned("small too", { mean: 0.5 }, 7), shape: [2] },
    ]);
    expect(groups.map((group) => group.map(({ name }) => name))).toEqual([["a", "c"]]);
  });
});

describe("the table of a scan", () => {
  it("takes chunks in any order, and tells what has no numbers from what has not come", () => {
    const table = new ScanTable(4);
    table.add(packScanChunk([{ row: 2, numbers: { statistics: { ...usual, nan: 7 } } }]));
    table.add(
      packScanChunk([
        { row: 0, numbers: undefined },
        { row: 1, numbers: { statistics: { ...usual, mean: Number.NaN, nan: 6400 } } },
      ]),
    );
    expect(table.measured).toBe(3);
    expect(table.get("nan", 2)).toBe(7);
    expect(table.statistics(2)).toEqual({ ...usual, nan: 7 });
    expect(table.get("mean", 0)).toBeUndefined();
    expect(table.get("mean", 1)).toBeNaN();
    expect(table.get("mean", 3)).toBeUndefined();
  });

  it("packs 4,096 rows well below a megabyte", () => {
    const { values, rows } = packScanChunk(
      Array.from({ length: 4096 }, (_, row) => ({ row, numbers: { statistics: usual } })),
    );
    expect(values.length).toBe(4096 * scanColumns.length);
    expect(values.byteLength + rows.byteLength).toBeLessThan(400_000);
  });
});
