import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, inject, it } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { FactorWork } from "../../../src/core/transform/factorQueue";
import { verifyMerge } from "../../../src/core/transform/model/verifyMerge";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { NumbersPool } from "../../../src/worker/numbers/numbersPool";
import { randomMatrix } from "../../core/linalg/matrices";
import { safetensorsFile } from "../../support/made/safetensorsFile";

/** Enough bytes that threads are worth their start. */
const [layers, size, rank] = [6, 512, 4];
const folder = mkdtempSync(join(tmpdir(), "verify-threads-"));
const pool = new NumbersPool({ threads: 2, threadFile: inject("numbersThreadFile") });
afterAll(async () => {
  await pool.dispose();
  rmSync(folder, { recursive: true });
});

type Values = readonly (readonly [string, readonly number[], Float64Array])[];

function write(name: string, file: string, tensors: Values): void {
  mkdirSync(join(folder, name), { recursive: true });
  const list = tensors.map(([each, shape]) => ({ name: each, dtype: "F32", shape }));
  const data = Buffer.concat(tensors.map(([, , values]) => Buffer.from(Float32Array.from(values).buffer)));
  writeFileSync(join(folder, name, file), safetensorsFile({ tensors: list, data: new Uint8Array(data) }));
}

const path = (layer: number) => `model.layers.${layer}.self_attn.q_proj`;
const all = Array.from({ length: layers }, (_, layer) => layer);
const random = (rows: number, cols: number, seed: number) =>
  Float64Array.from(Float32Array.from(randomMatrix(rows, cols, seed).data));
const norms = all.map(
  (layer) => [`model.layers.${layer}.norm.weight`, [size], random(1, size, layer)] as const,
);
const weightOf = (layer: number) => random(size, size, 10 + layer);
const factorsOf = (layer: number) =>
  [random(rank, size, 50 + layer), random(size, rank, 70 + layer)] as const;

write("base", "model.safetensors", [
  ...all.map((layer) => [`${path(layer)}.weight`, [size, size], weightOf(layer)] as const),
  ...norms,
]);
// One that was not merged, one by half, and a norm that is another.
write("merged", "model.safetensors", [
  ...all.map((layer) => {
    const [a, b] = factorsOf(layer);
    const share = layer === 1 ? 0 : layer === 2 ? 0.5 : 1;
    const values = weightOf(layer).map((value, at) => {
      const [row, column] = [Math.floor(at / size), at % size];
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += (b[row * rank + k] as number) * (a[k * size + column] as number);
      return value + share * sum;
    });
    return [`${path(layer)}.weight`, [size, size], values] as const;
  }),
  ...norms.map(
    ([name, shape, values], layer) => [name, shape, layer === 3 ? values.map((x) => -x) : values] as const,
  ),
]);
for (const [name, isBroken] of [
  ["adapter", false],
  ["broken", true],
] as const) {
  const tensors = all.flatMap((layer) => {
    const [a, b] = factorsOf(layer);
    const own = isBroken && layer === 4 ? a.map(() => Number.NaN) : a;
    return [
      [`base_model.model.${path(layer)}.lora_A.weight`, [rank, size], own] as const,
      [`base_model.model.${path(layer)}.lora_B.weight`, [size, rank], b] as const,
    ];
  });
  write(name, "adapter_model.safetensors", tensors);
  const config = { peft_type: "LORA", r: rank, lora_alpha: rank, target_modules: ["q_proj"] };
  writeFileSync(join(folder, name, "adapter_config.json"), JSON.stringify(config));
}

async function verify(adapter: string, work: FactorWork) {
  const open = (name: string) => CheckpointSession.open(nodeFiles, join(folder, name), () => undefined);
  const [merged, base] = [await open("merged"), await open("base")];
  return verifyMerge({ ...work, merged, base, adapters: [{ session: await open(adapter), weight: 1 }] });
}

describe("a merge held against its parts on threads", () => {
  it("is found as by one thread", async () => {
    const found = await verify("adapter", { makeFactors: pool.makeFactors({}) });
    expect(found).toEqual(await verify("adapter", {}));
    expect(found.modules.map(({ verdict }) => verdict)).toEqual([
      ...["merged", "notMerged", "scaled", "merged", "merged", "merged"],
    ]);
    expect(found).toMatchObject({ changed: ["model.layers.3.norm.weight"], unchanged: layers - 1 });
  });

  it("is refused as by one thread", async () => {
    const failures = [];
    for (const work of [{}, { makeFactors: pool.makeFactors({}) }])
      failures.push(await verify("broken", work).catch((error: unknown) => error));
    expect(failures[0]).toMatchObject({ code: "NotMergeable" });
    expect(failures[1]).toEqual(failures[0]);
  });

  it("looks at nothing more when it is cancelled", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const seen: number[] = [];
    const report = (index: number) => {
      seen.push(index);
      if (index === 2) controller.abort();
    };
    const work = { signal, report, makeFactors: pool.makeFactors({ signal }) };
    await expect(verify("adapter", work)).rejects.toMatchObject({ name: "AbortError" });
    expect(seen).toEqual([0, 1, 2]);
  });
});
