import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { Comparison } from "../../../src/core/compare/comparison";
import { computeTimeline } from "../../../src/core/compare/computeTimeline";
import { usePanelProducts } from "../../../src/core/linalg/panels";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { LoraModuleRow } from "../../../src/core/session/loraView";
import { WasmProducts } from "../../../src/kernels/wasmProducts";
import { LoraParts } from "../../../src/protocol/loraChunks";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { NumbersPool } from "../../../src/worker/numbers/numbersPool";
import { streamLora } from "../../../src/worker/updates/streamLora";
import { randomMatrix } from "../../core/linalg/matrices";
import { safetensorsFile } from "../../support/made/safetensorsFile";

const noStage = () => undefined;
const [rank, size, layers] = [32, 1024, 72];

/** Enough modules that threads are worth their start; one of them holds NaN. */
function adapter(seed: number): Uint8Array {
  const tensors = Array.from({ length: layers }, (_, layer) => [
    { name: `model.layers.${layer}.q_proj.lora_A.weight`, dtype: "F32", shape: [rank, size] },
    { name: `model.layers.${layer}.q_proj.lora_B.weight`, dtype: "F32", shape: [size, rank] },
  ]).flat();
  const values = new Float32Array(2 * layers * rank * size);
  const some = randomMatrix(4 * rank, size, seed).data;
  for (let at = 0; at < values.length; at++)
    values[at] = (some[at % some.length] as number) * (1 + at / values.length);
  values[7 * rank * size] = Number.NaN;
  return safetensorsFile({ tensors, data: new Uint8Array(values.buffer) });
}

describe("updates on threads", () => {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-updates-"));
  const paths = ["one", "two"].map((name) => join(folder, `${name}.safetensors`));
  const pool = new NumbersPool({ threads: 2, threadFile: inject("numbersThreadFile") });
  const [path = ""] = paths;
  const open = () => CheckpointSession.open(nodeFiles, path, noStage);

  beforeAll(() => {
    // The threads have them: sums in another order would differ in their last bits.
    usePanelProducts(() => WasmProducts.create(inject("relaxedProducts"), inject("kernels")));
    for (const [index, each] of paths.entries()) writeFileSync(each, adapter(index + 1));
  });
  afterAll(async () => {
    usePanelProducts(undefined);
    await pool.dispose();
    rmSync(folder, { recursive: true });
  });

  it("measure what one thread measures, in the same order, and fill the view in while they do", async () => {
    const session = await open();
    expect(pool.measureModules(session)).toBeDefined();
    const parts = new LoraParts();
    const seen: (readonly LoraModuleRow[])[] = [];
    const tell = {
      progress: () => undefined,
      chunk: (chunk: Parameters<LoraParts["add"]>[0]) => void seen.push(parts.add(chunk)?.modules ?? []),
    };
    const rest = await streamLora(session, pool, tell, new AbortController().signal);
    const view = rest && parts.finish(rest);
    expect(seen[0]?.map(({ module }) => module)).toEqual(
      session.adapter?.modules.map(({ module }) => module),
    );
    expect(seen[0]?.every(({ metrics }) => metrics === undefined)).toBe(true);
    expect(view).toEqual(await session.lora());
    expect(view?.modules.filter(({ metrics }) => metrics === undefined)).toHaveLength(1);
  });

  it("compare and follow as one thread does", async () => {
    const compareModules = pool.compareModules();
    const { view } = await Comparison.compute(nodeFiles, paths, noStage, { compareModules });
    expect(view).toEqual((await Comparison.compute(nodeFiles, paths, noStage)).view);
    const followModules = pool.followModules();
    const timeline = await computeTimeline(nodeFiles, paths, noStage, { followModules });
    expect(timeline).toEqual(await computeTimeline(nodeFiles, paths, noStage));
  });

  it("stop when they are told to, and work on", async () => {
    const controller = new AbortController();
    const session = await open();
    const measure = pool.measureModules(session, controller.signal);
    const work = session.lora(controller.signal, { measure, onRow: () => controller.abort() });
    await expect(work).rejects.toMatchObject({ name: "AbortError" });
    expect((await session.lora(undefined, { measure: pool.measureModules(session) }))?.modules).toHaveLength(
      layers,
    );
  });

  it("take no numbers of a file that another has replaced", async () => {
    const session = await open();
    const measure = pool.measureModules(session);
    const other = safetensorsFile({
      tensors: ["A", "B"].map((factor) => ({
        name: `model.layers.0.v_proj.lora_${factor}.weight`,
        dtype: "F32",
        shape: [8, 8],
      })),
    });
    writeFileSync(path, other);
    await expect(session.lora(undefined, { measure })).rejects.toThrow("has changed");
  });
});
