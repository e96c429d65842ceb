import { expect, test } from "vitest";
import { createMatrix } from "../../../src/core/linalg/matrix";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { findAllIntruders, reduceIntruders } from "../../../src/core/transform/intruders/reduceIntruders";
import { loadFactors } from "../../../src/core/update/factors";
import { MemoryFiles } from "../../support/memoryFiles";
import { memorySink, now, writeAdapterFolder, writeTensors } from "../adapter/memoryAdapters";
import { dense } from "../update/randomFactors";

const q = "model.layers.0.self_attn.q_proj";
const v = "model.layers.1.self_attn.v_proj";

/** W = diag(5, 4, 3) over a row of zeros. */
const weight = createMatrix(4, 3, Float64Array.of(5, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0));
const column = (...values: readonly number[]) => createMatrix(values.length, 1, Float64Array.from(values));
const row = (...values: readonly number[]) => createMatrix(1, values.length, Float64Array.from(values));

async function request(files: MemoryFiles, scale = 0.5) {
  const open = (path: string) => CheckpointSession.open(files, path, () => undefined);
  const target = { files, sink: memorySink(files), path: "/calm", replace: false, toolVersion: "1", now };
  return { ...target, adapter: await open("/adapter"), base: await open("/base"), scale };
}

function write(strength: number): MemoryFiles {
  const files = new MemoryFiles();
  const shape = [weight.rows, weight.cols];
  writeTensors(
    files,
    "/base/model.safetensors",
    [q, v].map((module) => ({ name: `${module}.weight`, shape, values: weight.data })),
  );
  // ΔW of q leads column 2 out of W's space, that of v strengthens a direction that W has.
  writeAdapterFolder(files, "/adapter", {
    [q]: { a: row(0, strength, 0), b: column(0, 0, 0, 1) },
    [v]: { a: row(1, 0, 0), b: column(1, 0, 0, 0) },
  });
  return files;
}

test("an intruder direction of W + ΔW is scaled, and what has none stays as it is", async () => {
  const files = write(8);
  const { calmed } = await reduceIntruders(await request(files));
  // Column 2 of W + ΔW is (0, 4, 0, 8): its cosine with W's direction is 4/√80, below one half.
  expect(calmed.map(({ before }) => before.directions[0]?.verdict)).toEqual(["intruder", "no"]);
  expect(calmed[0]?.before.directions[0]?.singularValue).toBeCloseTo(Math.sqrt(80), 10);
  expect(calmed[0]).toMatchObject({ module: q, normBefore: 8 });
  expect(calmed[0]?.normAfter).toBeCloseTo(Math.sqrt(20), 10);
  expect(calmed[0]?.cutError).toBeCloseTo(0, 6);
  expect(calmed[1]).toMatchObject({ module: v, after: undefined, normBefore: 1, normAfter: 1 });
  const session = await CheckpointSession.open(files, "/calm", () => undefined);
  expect(session.stage?.stage).toBe("intruder-reduction");
  const reader = session.tensorReader();
  const updates = new Map<string, readonly number[]>();
  for (const module of session.adapter?.modules ?? [])
    updates.set(module.module, [...dense(await loadFactors(module, (tensor) => reader.read(tensor))).data]);
  // ΔW − ½ · (0, 4, 0, 8) in column 2.
  const wanted = [0, 0, 0, 0, -2, 0, 0, 0, 0, 0, 4, 0];
  for (const [at, value] of wanted.entries()) expect(updates.get(q)?.[at]).toBeCloseTo(value, 10);
  expect(updates.get(v)).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
});

test("where there is none, nothing is written", async () => {
  const files = write(0.5);
  await expect(reduceIntruders(await request(files))).rejects.toMatchObject({ code: "NoIntruders" });
  expect(await files.stat("/calm")).toBeUndefined();
  const found = await findAllIntruders(await request(files));
  expect(found.map(({ report }) => report.directions.every(({ verdict }) => verdict === "no"))).toEqual([
    true,
    true,
  ]);
});

test("is refused without a weight of the base, of codes, and for a base that was changed", async () => {
  const files = write(8);
  const refused = async (message: RegExp) =>
    expect(reduceIntruders(await request(files))).rejects.toThrow(message);
  writeTensors(files, "/base/model.safetensors", [{ name: "x", shape: [2], values: new Float64Array(2) }]);
  await refused(/Is it the right base\?/);
  const factors = { a: row(0, 8, 0), b: column(0, 0, 0, 1) };
  writeAdapterFolder(files, "/adapter", { [q]: factors }, { init_lora_weights: "pissa" });
  await refused(/initialised by pissa/);
});
