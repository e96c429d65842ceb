import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { usePanelProducts } from "../../../src/core/linalg/panels";
import { extractCheckpoint, reduceCheckpoint } from "../../../src/core/report/makeAdapter";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { combine } from "../../../src/core/transform/combine/combine";
import type { FactorWork } from "../../../src/core/transform/factorQueue";
import { reduceIntruders } from "../../../src/core/transform/intruders/reduceIntruders";
import { WasmProducts } from "../../../src/kernels/wasmProducts";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { nodeSink } from "../../../src/worker/nodeSink";
import type { JobControl } from "../../../src/worker/numbers/numbersJob";
import { NumbersPool } from "../../../src/worker/numbers/numbersPool";
import { runFactors } from "../../../src/worker/updates/factorsPass";
import { PlacedModules } from "../../../src/worker/updates/placedModules";
import { runUpdates } from "../../../src/worker/updates/runUpdates";
import { randomMatrix } from "../../core/linalg/matrices";
import { safetensorsFile } from "../../support/made/safetensorsFile";

/** Enough bytes that threads are worth their start. */
const [layers, size, rank, narrow] = [6, 512, 16, 24];

describe("factors of new adapters on threads", () => {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-factors-"));
  const pool = new NumbersPool({ threads: 2, threadFile: inject("numbersThreadFile") });
  const at = (name: string) => join(folder, name);
  const open = (name: string) => CheckpointSession.open(nodeFiles, at(name), () => undefined);
  const makeInto = (name: string, work: FactorWork) => {
    const about = { toolVersion: "1", now: new Date(0), replace: false };
    return { ...about, ...work, files: nodeFiles, sink: nodeSink, out: at(name) };
  };
  const rule = { kind: "rank", rank: 2 } as const;
  const ways = {
    reduce: (make: ReturnType<typeof makeInto>) =>
      reduceCheckpoint(at("lora"), { rule, scope: "module" }, make),
    extract: (make: ReturnType<typeof makeInto>) =>
      extractCheckpoint(at("base"), at("tuned"), rule, false, make),
    combine: async ({ out: path, ...make }: ReturnType<typeof makeInto>) =>
      combine({
        ...{ ...make, path, rule },
        adapters: [
          { session: await open("lora"), weight: 1 },
          { session: await open("lora"), weight: -0.5 },
        ],
      }),
    sum: async ({ out: path, ...make }: ReturnType<typeof makeInto>) =>
      combine({
        ...{ ...make, path },
        adapters: [
          { session: await open("lora"), weight: 1 },
          { session: await open("lora"), weight: 0.25 },
        ],
      }),
    intruders: async ({ out: path, ...make }: ReturnType<typeof makeInto>) =>
      reduceIntruders({
        ...{ ...make, path, adapter: await open("narrow"), base: await open("small"), scale: 0.5 },
      }),
  };

  beforeAll(() => {
    usePanelProducts(() => WasmProducts.create(inject("relaxedProducts"), inject("kernels")));
    const write = (name: string, tensors: Readonly<Record<string, readonly number[]>>, seed: number) => {
      const list = Object.entries(tensors).map(([each, shape]) => ({ name: each, dtype: "F32", shape }));
      const data = list.map(({ shape: [rows = 0, cols = 0] }, index) =>
        Buffer.from(Float32Array.from(randomMatrix(rows, cols, seed + index).data).buffer),
      );
      writeFileSync(at(name), safetensorsFile({ tensors: list, data: new Uint8Array(Buffer.concat(data)) }));
    };
    const named = (of: (path: string) => readonly (readonly [string, readonly number[]])[]) =>
      Object.fromEntries(
        Array.from({ length: layers }, (_, layer) => of(`model.layers.${layer}.q_proj`)).flat(),
      );
    const weights = named((path) => [[`${path}.weight`, [size, size]]]);
    for (const [index, name] of ["base", "tuned"].entries()) {
      mkdirSync(at(name));
      write(`${name}/model.safetensors`, weights, 100 * index);
    }
    const factors = named((path) => [
      [`base_model.model.${path}.lora_A.weight`, [rank, 12 * size]],
      [`base_model.model.${path}.lora_B.weight`, [12 * size, rank]],
    ]);
    mkdirSync(at("lora"));
    write("lora/adapter_model.safetensors", factors, 500);
    const smallWeights = named((path) => [[`${path}.weight`, [narrow, narrow]]]);
    mkdirSync(at("small"));
    // Padded, so that threads are worth their start.
    write("small/model.safetensors", { ...smallWeights, "lm_head.weight": [2048, size] }, 600);
    mkdirSync(at("narrow"));
    const narrowFactors = named((path) => [
      [`base_model.model.${path}.lora_A.weight`, [2, narrow]],
      [`base_model.model.${path}.lora_B.weight`, [narrow, 2]],
    ]);
    write("narrow/adapter_model.safetensors", narrowFactors, 700);
    const config = { peft_type: "LORA", r: rank, lora_alpha: rank, target_modules: ["q_proj"] };
    for (const name of ["lora", "narrow"])
      writeFileSync(at(`${name}/adapter_config.json`), JSON.stringify(config));
  });
  afterAll(async () => {
    usePanelProducts(undefined);
    await pool.dispose();
    rmSync(folder, { recursive: true });
  });

  it.each(["reduce", "extract", "intruders", "combine", "sum"] as const)(
    "%s as one thread does, to the byte",
    async (way) => {
      const results = [];
      for (const [name, work] of [
        [`${way}-one`, {}],
        [`${way}-threads`, { makeFactors: pool.makeFactors({}) }],
      ] as const) {
        const { path } = await ways[way](makeInto(name, work));
        results.push(readFileSync(join(path, "adapter_model.safetensors")));
      }
      expect(results[1]).toEqual(results[0]);
    },
  );

  it.each(["reduce", "extract", "intruders", "combine", "sum"] as const)(
    "%s nothing more when it is cancelled",
    async (way) => {
      const controller = new AbortController();
      const { signal } = controller;
      const report = (_: number, __: number, label: string) => {
        if (label.includes("layers.2") && !label.includes("Comparing")) controller.abort();
      };
      const work = { signal, report, makeFactors: pool.makeFactors({ signal }) };
      const made = ways[way](makeInto(`${way}-cancelled`, work));
      await expect(made).rejects.toMatchObject({ name: "AbortError" });
    },
  );

  /** Cancelled when it was asked so often. */
  function cancelledAfter(times: number): { readonly control: JobControl; readonly asked: () => number } {
    let asked = 0;
    const control = {
      get isCancelled() {
        return ++asked > times;
      },
    } as JobControl;
    return { control, asked: () => asked };
  }

  it("look before each module whether they are cancelled, and compute none after it", async () => {
    const session = await open("lora");
    const places = new PlacedModules([session]);
    const rows = (session.adapter?.modules ?? []).map((module) => ({ modules: [module] }));
    const placed = await places.find(rows);
    await places.close();
    if (placed === undefined) throw new Error("The modules are plain bytes.");
    const task = { kind: "measure" } as const;
    for (const times of [0, 2, layers]) {
      const { control, asked } = cancelledAfter(times);
      expect(await runUpdates({ kind: "updates", control, task, ...placed })).toHaveLength(times);
      expect(asked()).toBe(Math.min(times + 1, layers));
    }
  });

  it("look before each product of an extraction whether they are cancelled", async () => {
    const pair = { module: "q", base: weight(0), tuned: weight(1) };
    const task = {
      kind: "extract",
      pair,
      rule,
      iterations: 2,
      start: new Float64Array(size * size).fill(1),
    } as const;
    const paths = ["base", "tuned"].map((name) => at(`${name}/model.safetensors`));
    const whole = cancelledAfter(100);
    expect(await runFactors({ kind: "factors", control: whole.control, paths, task })).toHaveLength(1);
    // Before it begins, at the first product, twice for each iteration, and at the last.
    expect(whole.asked()).toBe(1 + 1 + 2 * 2 + 1);
    for (const times of [0, 3]) {
      const { control, asked } = cancelledAfter(times);
      await expect(runFactors({ kind: "factors", control, paths, task })).rejects.toThrow("cancelled");
      expect(asked()).toBe(times + 1);
    }
  });

  it("of intruders stop within a sweep of a decomposition", async () => {
    const session = await open("narrow");
    const [module] = session.adapter?.modules ?? [];
    const base = await open("small");
    const found = base.checkpoint.tensors.find(({ name }) => name.endsWith("q_proj.weight"));
    if (module === undefined || found === undefined) throw new Error("There is a module over a weight.");
    const places = new PlacedModules([session, base]);
    const placed = await places.findTask({ kind: "intruders", module, weight: found, scale: undefined });
    await places.close();
    if (placed === undefined) throw new Error("The tensors are plain bytes.");
    const whole = cancelledAfter(1e6);
    const [made] = await runFactors({ kind: "factors", control: whole.control, ...placed });
    expect(made?.calmed?.before.exact).toBe(true);
    // Of two decompositions some sweeps each, and of each sweep every row.
    expect(whole.asked()).toBeGreaterThan(2 * 3 * (narrow - 1));
    const { control, asked } = cancelledAfter(narrow + 5);
    await expect(runFactors({ kind: "factors", control, ...placed })).rejects.toThrow("cancelled");
    expect(asked()).toBe(narrow + 6);
  });

  /** The first of a file. */
  function weight(fileIndex: number) {
    const offset = 8 + Number(readFileSync(at("base/model.safetensors")).readBigUInt64LE(0));
    const byteSize = 4 * size * size;
    return { name: "q.weight", dtype: "F32", shape: [size, size], byteSize, offset, fileIndex };
  }
});
