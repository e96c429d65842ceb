import { describe, expect, it } from "vitest";
import { findAdapter } from "../../../src/core/adapter/adapter";
import type { LoraModule } from "../../../src/core/adapter/loraModule";
import { elementCount, type Tensor } from "../../../src/core/tensors/tensor";
import { loadFactors, readScale, UpdateUnavailableError } from "../../../src/core/update/factors";
import { moduleNamed, openFixture, tensor } from "../adapter/adapterFile";
import { measureUpdate } from "./randomFactors";

function moduleOf(...tensors: Tensor[]): LoraModule {
  const [module] = findAdapter(tensors, undefined, new Map())?.modules ?? [];
  if (module === undefined) throw new Error("No module was found.");
  return module;
}

/** Bytes of an F32 tensor that counts 0, 1, 2, … */
async function counting({ shape }: Tensor): Promise<Uint8Array> {
  return new Uint8Array(Float32Array.from({ length: elementCount(shape) }, (_, i) => i).buffer);
}

const [a, b] = [tensor("q.lora_A.weight", [2, 3]), tensor("q.lora_B.weight", [4, 2])];

describe("loadFactors", () => {
  it("gives both factors in one orientation", async () => {
    const linear = await loadFactors(moduleOf(a, b), counting);
    expect(linear.a).toMatchObject({ rows: 2, cols: 3, data: Float64Array.of(0, 1, 2, 3, 4, 5) });
    expect(linear.b).toMatchObject({ rows: 4, cols: 2 });
    const mlx = await loadFactors(moduleOf(tensor("q.lora_a", [3, 2]), tensor("q.lora_b", [2, 4])), counting);
    expect(mlx.a).toMatchObject({ rows: 2, cols: 3, data: Float64Array.of(0, 2, 4, 1, 3, 5) });
    expect(mlx.b).toMatchObject({ rows: 4, cols: 2, data: Float64Array.of(0, 4, 1, 5, 2, 6, 3, 7) });
    const gguf = [tensor("token_embd.weight.lora_a", [5, 2]), tensor("token_embd.weight.lora_b", [3, 2])];
    const embedding = await loadFactors(moduleOf(...gguf), counting);
    expect(embedding.a).toMatchObject({
      rows: 2,
      cols: 5,
      data: Float64Array.of(0, 2, 4, 6, 8, 1, 3, 5, 7, 9),
    });
    expect(embedding.b).toMatchObject({ rows: 3, cols: 2 });
  });

  it("reads alpha from its tensor, also alone", async () => {
    const alpha = { ...tensor("q.alpha", [1], "F32"), byteSize: 4 };
    const module = moduleOf(a, b, alpha);
    const read = async (asked: Tensor) =>
      asked === alpha ? new Uint8Array(Float32Array.of(6).buffer) : counting(asked);
    expect(await readScale(module, read)).toEqual({ alpha: 6, scale: 3 });
    expect(await loadFactors(module, read)).toMatchObject({ alpha: 6, scale: 3, finite: true });
    expect(await readScale(moduleOf(a, b), read)).toEqual({ alpha: 2, scale: 1 });
  });

  it("hands the signal on to every read", async () => {
    const { signal } = new AbortController();
    const seen: unknown[] = [];
    await loadFactors(
      moduleOf(a, b),
      (asked, given) => {
        seen.push(given);
        return counting(asked);
      },
      signal,
    );
    expect(seen).toEqual([signal, signal]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("flags a factor that holds %f", async (value) => {
    const factors = await loadFactors(moduleOf(a, b), async (asked) => {
      const values = new Float32Array((await counting(asked)).buffer);
      if (asked === b) values[5] = value;
      return new Uint8Array(values.buffer);
    });
    expect(factors.finite).toBe(false);
    expect(measureUpdate(factors).singularValues).toHaveLength(0);
  });

  it("flags an alpha that is not a number", async () => {
    const module = moduleOf(a, b, tensor("q.alpha", []));
    const read = async (asked: Tensor) =>
      asked.name === "q.alpha" ? new Uint8Array(Float32Array.of(Number.NaN).buffer) : counting(asked);
    expect((await loadFactors(module, read)).finite).toBe(false);
  });

  it("says why an update is not available", async () => {
    const fail = async (module: LoraModule, read = counting) => {
      const error: unknown = await loadFactors(module, read).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(UpdateUnavailableError);
      return error as UpdateUnavailableError;
    };
    const complex = await fail(moduleOf({ ...a, dtype: "C64" }, b));
    expect(complex.code).toBe("UnsupportedDtype");
    expect(complex.toProblem()).toMatchObject({ severity: "warning", code: "UpdateUnsupportedDtype" });
    expect((await fail(moduleOf(a, b), async () => new Uint8Array(4))).code).toBe("ShortData");
    const large = await fail(
      moduleOf(tensor("q.lora_A.weight", [2 ** 14, 2 ** 14]), tensor("q.lora_B.weight", [1, 2 ** 14])),
    );
    expect(large.code).toBe("TooLarge");
    const experts = await fail(moduleOf(tensor("e.lora_a", [4, 2, 3]), tensor("e.lora_b", [4, 5, 2])));
    expect(experts.code).toBe("Experts");
    expect(experts.toProblem().message).toMatch(/^e: It holds one update for each expert/);
    const changed = await fail({ ...moduleOf(a, b), rank: 3 });
    expect(changed.code).toBe("ShapeMismatch");
    const diagonal = await fail({ ...moduleOf(a, b), diagonal: tensor("q.lora_E", [3, 1]) });
    expect(diagonal.message).toContain("should hold 2 values");
  });

  it("lets errors of reading through", async () => {
    const broken = new Error("disk");
    await expect(loadFactors(moduleOf(a, b), () => Promise.reject(broken))).rejects.toBe(broken);
  });

  it("reads a whole file", async () => {
    const { adapter, read } = openFixture("peft_layers");
    const loaded = await Promise.all(adapter.modules.map((module) => loadFactors(module, read)));
    expect(loaded.every(({ finite }) => finite)).toBe(true);
    const conv = moduleNamed(adapter, "unet.conv_in");
    expect(await loadFactors(conv, read)).toMatchObject({
      a: { rows: 8, cols: 27 },
      b: { rows: 12, cols: 8 },
    });
  });
});
