import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, inject, it } from "vitest";
import { openSnapshots } from "../../../src/core/compare/openSnapshots";
import { alignSnapshots } from "../../../src/core/compare/tensors/alignSnapshots";
import { alignTensors } from "../../../src/core/compare/tensors/alignTensors";
import { diffStatus } from "../../../src/core/compare/tensors/diffTable";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { layoutText } from "../../../src/core/tensors/tensor";
import { WasmKernels } from "../../../src/kernels/wasmKernels";
import { TensorDiffing } from "../../../src/worker/diff/tensorDiffing";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { NumbersPool } from "../../../src/worker/numbers/numbersPool";
import { useNumberKernels } from "../../../src/worker/numbers/plainReading";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { projectRoot } from "../../support/projectRoot";

const folder = mkdtempSync(join(tmpdir(), "diffing-"));
const pool = new NumbersPool({ threads: 2, threadFile: inject("numbersThreadFile") });

afterAll(async () => {
  await pool.dispose();
  rmSync(folder, { recursive: true, force: true });
});

type Model = Readonly<Record<string, readonly number[] | Uint8Array>>;

/** F32 tensors of these values; bytes are written as they are, as blocks of a dtype that nobody knows. */
function write(name: string, model: Model): string {
  const entries = Object.entries(model);
  const bytes = entries.map(([, values]) =>
    values instanceof Uint8Array ? values : new Uint8Array(Float32Array.from(values).buffer),
  );
  const file = safetensorsFile({
    tensors: entries.map(([tensor, values]) => ({
      name: tensor,
      dtype: values instanceof Uint8Array ? "Q4_X" : "F32",
      shape: [values.length],
      bytes: values.length * (values instanceof Uint8Array ? 1 : 4),
    })),
    data: Buffer.concat(bytes),
  });
  const path = join(folder, name);
  writeFileSync(path, file);
  return path;
}

async function diffing(...paths: readonly string[]): Promise<TensorDiffing> {
  const sessions = await Promise.all(
    paths.map((path) => CheckpointSession.open(nodeFiles, path, () => undefined)),
  );
  const sources = sessions.map(({ checkpoint }) => ({ label: checkpoint.name, ...checkpoint }));
  return new TensorDiffing(sessions, alignTensors(sources));
}

function statuses({ alignment, table }: TensorDiffing) {
  return alignment.rows.map((row, index) => [row.name, diffStatus(row, index, table)]);
}

describe("values of aligned tensors", () => {
  it("that lie elsewhere in the file are not called equal", async () => {
    const paths = ["earliest.h5", "latest.h5"].map((name) => join(projectRoot, "test/fixtures/hdf5", name));
    const run = await diffing(...paths);
    await run.run(pool);
    expect(statuses(run)).toContainEqual(["types/variable_text", "same layout"]);
    expect(run.problems.map(({ message }) => message).join()).toMatch(/variable_text.*not read here/);
  });

  it.each([false, true])(
    "of packed weights are those that their codes stand for, with SIMD: %s",
    async (isFast) => {
      useNumberKernels(() => (isFast ? WasmKernels.create(inject("kernels")) : undefined));
      const pool = new NumbersPool({ threads: 1, threadFile: inject("numbersThreadFile") });
      const paths = ["weights", "values"].map((name) =>
        join(projectRoot, `test/fixtures/packed/${name}.safetensors`),
      );
      const snapshots = await openSnapshots(nodeFiles, paths, () => undefined);
      const packed = new TensorDiffing(
        snapshots.map(({ session }) => session),
        alignSnapshots(snapshots),
      );
      const read: number[] = [];
      await packed.run(pool, { report: (...bytes) => read.push(...bytes) });
      await pool.dispose();
      // The bytes of the codes are read, not those of the values that they stand for.
      const stored = paths.reduce((sum, path) => sum + statSync(path).size, 0);
      expect(Math.max(...read)).toBeLessThanOrEqual(stored);
      expect(read.slice(-2)).toEqual([read.at(-1), read.at(-1)]);
      expect(packed.problems).toEqual([]);
      const rows = [...packed.alignment.rows.keys()];
      expect(rows.length).toBeGreaterThan(17);
      expect(rows.filter((row) => packed.table.isChanged(row, 0))).toEqual([]);
      const [row] = packed.alignment.rows.filter(({ name }) => name === "g4.weight");
      expect(row?.tensors.map((tensor) => tensor && layoutText(tensor))).toEqual([
        "GPTQ [24, 64]",
        "F32 [24, 64]",
      ]);
    },
  );

  it("of a model in two shards against one file", async () => {
    const first = write("model-00001-of-00002.safetensors", { "a.weight": [1, 2, 3] });
    write("model-00002-of-00002.safetensors", { "b.weight": [4, 5, 6], "c.weight": [7] });
    const weight_map = {
      "a.weight": "model-00001-of-00002.safetensors",
      "b.weight": "model-00002-of-00002.safetensors",
      "c.weight": "model-00002-of-00002.safetensors",
    };
    const index = join(folder, "model.safetensors.index.json");
    writeFileSync(index, JSON.stringify({ metadata: {}, weight_map }));
    const whole = write("whole.safetensors", {
      "a.weight": [1, 2, 3],
      "b.weight": [4, 5, 8],
      "c.weight": [7],
    });
    const run = await diffing(index, whole);
    const reports: (readonly [number, number])[] = [];
    await run.run(pool, { report: (done, total) => reports.push([done, total]) });
    expect(statuses(run)).toEqual([
      ["a.weight", "equal"],
      ["b.weight", "changed"],
      ["c.weight", "equal"],
    ]);
    expect(run.table.numbers(1, 0)).toMatchObject({ maxAbs: 2, changed: 1 / 3, normDifference: 2 });
    expect(reports.at(-1)).toEqual([56, 56]);
    expect(first).not.toBe(index);
  });

  it("of dtypes that are no numbers by their bytes, and says what cannot be compared", async () => {
    const a = write("blocks-a.safetensors", {
      same: Uint8Array.of(1, 2),
      other: Uint8Array.of(1, 2),
      kind: [1],
    });
    const b = write("blocks-b.safetensors", {
      same: Uint8Array.of(1, 2),
      other: Uint8Array.of(1, 3),
      kind: Uint8Array.of(1),
    });
    const run = await diffing(a, b);
    await run.run(pool);
    expect(statuses(run)).toEqual([
      ["kind", "dtype"],
      ["other", "changed"],
      ["same", "equal"],
    ]);
    expect(run.table.numbers(2, 0)).toBeUndefined();
    expect(run.problems).toMatchObject([{ code: "NotCompared", tensor: "kind" }]);
  });

  it("cross in chunks that another table takes", async () => {
    const names = Array.from({ length: 9000 }, (_, at) => `layers.${at}`);
    const a = write("many-a.safetensors", Object.fromEntries(names.map((name, at) => [name, [at, 1]])));
    const b = write("many-b.safetensors", Object.fromEntries(names.map((name, at) => [name, [at, at]])));
    const run = await diffing(a, b);
    await run.run(pool);
    const { rowCount, pairs, length } = run.table;
    const copy = new (run.table.constructor as new (...args: unknown[]) => typeof run.table)(rowCount, pairs);
    let chunks = 0;
    while (copy.length < length) {
      const chunk = run.table.chunk(copy.length);
      expect(chunk.values.byteLength).toBeLessThan(600_000);
      copy.append(chunk);
      chunks++;
    }
    expect(chunks).toBe(2);
    for (const row of [0, 1, 4500, 8999]) expect(copy.numbers(row, 0)).toEqual(run.table.numbers(row, 0));
    expect(copy.number(8999, 0, "maxAbs")).toBe(8998);
  });
});

describe("a file that changes", () => {
  it("is reported, whenever it changed since it was opened", async () => {
    const a = write("stays.safetensors", { w: [1, 2] });
    const b = write("grows.safetensors", { w: [1, 3] });
    const run = await diffing(a, b);
    appendFileSync(b, "more");
    await expect(run.run(pool)).rejects.toMatchObject({ code: "FileChanged", file: b });
  });

  it("is reported when it is replaced by one of the same size while it is read", async () => {
    const a = write("stays.safetensors", { w: [1, 2] });
    const b = write("replaced.safetensors", { w: [1, 3] });
    const run = await diffing(a, b);
    const replace = (done: number) => {
      if (done > 0) write("replaced.safetensors", { w: [5, 6] });
    };
    await expect(run.run(pool, { report: replace })).rejects.toMatchObject({ code: "FileChanged", file: b });
  });
});

it("stops when it is cancelled, keeps what it has, and goes on from there", async () => {
  const [a, b] = [
    write("stop-a.safetensors", { v: [1], w: [1] }),
    write("stop-b.safetensors", { v: [1], w: [2] }),
  ];
  const run = await diffing(a, b);
  const controller = new AbortController();
  controller.abort();
  await expect(run.run(pool, { signal: controller.signal })).rejects.toThrow();
  expect(run.table.length).toBe(0);
  await run.run(pool);
  expect(statuses(run)).toEqual([
    ["v", "equal"],
    ["w", "changed"],
  ]);
  const reports: number[] = [];
  await run.run(pool, { report: (_, total) => reports.push(total) });
  expect(reports.at(-1)).toBe(0);
});

it("slices of experts that are kept in one tensor are compared by their own values", async () => {
  const path = "model.layers.0.mlp.experts";
  const numbers = (count: number, first: number) => Array.from({ length: count }, (_, at) => first + at);
  const save = (
    name: string,
    tensors: readonly (readonly [string, readonly number[], readonly number[]])[],
  ) => {
    const file = join(folder, name);
    const specs = tensors.map(([tensor, shape]) => ({ name: tensor, dtype: "F32", shape }));
    const data = new Uint8Array(Float32Array.from(tensors.flatMap(([, , values]) => values)).buffer);
    writeFileSync(file, safetensorsFile({ tensors: specs, data }));
    return file;
  };
  // Two experts of gate [1, 2], up [1, 2] and down [2, 1]: rows of gate, then of up, one expert after the other.
  const fused = save("fused.safetensors", [
    [`${path}.gate_up_proj`, [2, 2, 2], numbers(8, 1)],
    [`${path}.down_proj`, [2, 2, 1], numbers(4, 20)],
  ]);
  const single = save("single.safetensors", [
    [`${path}.0.gate_proj.weight`, [1, 2], [1, 2]],
    [`${path}.0.up_proj.weight`, [1, 2], [3, 4]],
    [`${path}.0.down_proj.weight`, [2, 1], [20, 21]],
    [`${path}.1.gate_proj.weight`, [1, 2], [5, 6]],
    [`${path}.1.up_proj.weight`, [1, 2], [7, 9]],
    [`${path}.1.down_proj.weight`, [2, 1], [22, 23]],
  ]);
  const run = await diffing(single, fused);
  await run.run(pool);
  const row = run.alignment.rows.findIndex(({ name }) => name.endsWith("1.up_proj.weight"));
  expect(statuses(run).filter(([, status]) => status !== "equal")).toEqual([
    [`${path}.1.up_proj.weight`, "changed"],
  ]);
  expect(run.table.numbers(row, 0)?.maxAbs).toBe(1);
  // A single one, as its detail asks for.
  const [a, b] = run.alignment.rows[row]?.tensors ?? [];
  const sessions = await Promise.all(
    [single, fused].map((file) => CheckpointSession.open(nodeFiles, file, () => undefined)),
  );
  const [left, right] = sessions as [CheckpointSession, CheckpointSession];
  if (a === undefined || b === undefined) throw new Error("Not aligned.");
  const detail = await pool.diff({ source: left, tensor: a }, { source: right, tensor: b });
  expect(detail?.maxAbs).toBe(1);
});
