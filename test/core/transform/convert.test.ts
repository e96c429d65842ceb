import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { average } from "../../../src/core/transform/model/average";
import { type ConvertOptions, convert, planConversion } from "../../../src/core/transform/model/convert";
import { editConfig } from "../../../src/core/transform/model/editConfig";
import { exactnessOf } from "../../../src/core/transform/model/exactness";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { nodeSink } from "../../../src/worker/nodeSink";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { openSession, valuesOf, writeTensors } from "../../support/made/tensorFiles";
import { projectRoot } from "../../support/projectRoot";

const folder = mkdtempSync(join(tmpdir(), "convert-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function converted(path: string, out: string, options: ConvertOptions, maxShardBytes = 5e9) {
  return convert({
    files: nodeFiles,
    sink: nodeSink,
    source: await openSession(path),
    options,
    path: join(folder, out),
    replace: false,
    maxShardBytes,
    toolVersion: "0",
    now: new Date(0),
  });
}

function writeModel(name: string, tensors: Readonly<Record<string, readonly number[]>>): string {
  const entries = Object.entries(tensors);
  const file = safetensorsFile({
    tensors: entries.map(([tensor, values]) => ({
      name: tensor,
      dtype: "F32",
      shape: [values.length],
      bytes: 4 * values.length,
    })),
    data: Buffer.concat(entries.map(([, values]) => Buffer.from(Float32Array.from(values).buffer))),
  });
  const path = join(folder, name);
  writeFileSync(path, file);
  return path;
}

describe("a model converted to safetensors", () => {
  test("there and back is the same, byte for byte", async () => {
    const source = join(projectRoot, "test/fixtures/packed/weights.safetensors");
    const { path } = await converted(source, "copy.safetensors", { only: "model" });
    expect(await valuesOf(path)).toEqual(await valuesOf(source));
  });

  test("has packed weights as the values that numpy computes, where a dtype is asked for", async () => {
    const source = join(projectRoot, "test/fixtures/packed/weights.safetensors");
    const { path, plan } = await converted(source, "unpacked.safetensors", { only: "model", dtype: "F32" });
    // Scales and the like are no tensors of their own, and not left out either.
    expect(plan.leftOut).toBe(0);
    const expected = await valuesOf(join(projectRoot, "test/fixtures/packed/values.safetensors"));
    const found = await valuesOf(path);
    for (const [name, values] of expected) expect(found.get(name), name).toEqual(values);
  });

  test("is cut into shards with an index, each tensor in one of them", async () => {
    const source = writeModel("four.safetensors", { a: [1, 2], b: [3, 4], c: [5, 6], d: [7, 8] });
    const { path } = await converted(source, "shards", { only: "model" }, 16);
    expect(readdirSync(path).sort()).toEqual([
      "checkpoint-stage.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
    ]);
    const index = JSON.parse(readFileSync(join(path, "model.safetensors.index.json"), "utf8"));
    expect(index).toEqual({
      metadata: { total_size: 32 },
      weight_map: {
        a: "model-00001-of-00002.safetensors",
        b: "model-00001-of-00002.safetensors",
        c: "model-00002-of-00002.safetensors",
        d: "model-00002-of-00002.safetensors",
      },
    });
    expect(await valuesOf(path)).toEqual(await valuesOf(source));
  });

  test("in 16 bits is rounded to the nearest, and what that changed is told", async () => {
    const source = writeModel("round.safetensors", { w: [1, 1 + 2 ** -8, 1 + 2 ** -9, -3] });
    const { path, cost } = await converted(source, "round16.safetensors", { only: "model", dtype: "BF16" });
    // Ties go to even: 1 + 2⁻⁸ lies between 1 and 1 + 2⁻⁷.
    expect((await valuesOf(path)).get("w")).toEqual([1, 1, 1, -3]);
    expect(cost.changed).toBe(2);
    expect(cost.errorSquares).toBe(2 ** -16 + 2 ** -18);
  });

  test("is not written where a value would become infinite", async () => {
    const source = writeModel("large.safetensors", { w: [1, 1e30] });
    const refused = converted(source, "large16.safetensors", { only: "model", dtype: "F16" });
    await expect(refused).rejects.toMatchObject({ code: "OutOfRange" });
    expect(readdirSync(folder).filter((name) => name.includes("large16"))).toEqual([]);
  });

  test("of a training's file is the model alone, under its own names, or the optimizer", async () => {
    const source = join(projectRoot, "test/fixtures/torch/training.pt");
    const session = await openSession(source);
    const model = await planConversion(session, { only: "model" });
    const optimizer = await planConversion(session, { only: "optimizer" });
    const names = model.tensors.map(({ name }) => name);
    expect(names.length).toBeGreaterThan(0);
    expect(names.some((name) => /optim|exp_avg/.test(name))).toBe(false);
    expect(optimizer.tensors.every(({ name }) => /exp_avg|step/.test(name))).toBe(true);
    const everything = await planConversion(session, { only: "all" });
    expect(everything.tensors.length).toBeGreaterThanOrEqual(names.length + optimizer.tensors.length);
  });

  test("averaged with itself is itself, and with another lies between", async () => {
    const [one, two] = [
      writeModel("one.safetensors", { w: [1, 3] }),
      writeModel("two.safetensors", { w: [3, 9] }),
    ];
    const mean = async (paths: readonly string[], weights: readonly number[], out: string) =>
      average({
        files: nodeFiles,
        sink: nodeSink,
        snapshots: await Promise.all(paths.map(openSession)),
        weights,
        path: join(folder, out),
        replace: false,
        maxShardBytes: 5e9,
        toolVersion: "0",
        now: new Date(0),
      });
    const same = await mean([one, one], [1, 1], "same");
    expect(await valuesOf(same.path)).toEqual(await valuesOf(one));
    expect(same.drift).toEqual([0, 0]);
    const weighted = await mean([one, two], [3, 1], "weighted");
    expect((await valuesOf(weighted.path)).get("w")).toEqual([1.5, 4.5]);
    expect(weighted.drift[1]).toBe(Math.sqrt((1.5 ** 2 + 4.5 ** 2) / (1.5 ** 2 + 4.5 ** 2)));
    const other = writeModel("other.safetensors", { v: [1, 2] });
    await expect(mean([one, other], [1, 1], "refused")).rejects.toMatchObject({ code: "NotAveraged" });
  });

  const twins = join(projectRoot, "test/fixtures/ggufTwins");
  test.each(["gemma2", "gpt2", "falcon", "gptneox", "llama"])(
    "from GGUF is the model that it was made of, where that is asked for: %s",
    async (name) => {
      const options = { only: "model", names: "transformers" } as const;
      const { path, plan } = await converted(join(twins, `${name}.gguf`), `twin-${name}`, options);
      // A norm that was -0 came back from 1 as 0.
      const read = async (from: string) =>
        new Map(
          [...(await valuesOf(from))].map(([tensor, values]) => [tensor, values.map((each) => each + 0)]),
        );
      const [found, wanted] = [await read(path), await read(join(twins, `${name}.safetensors`))];
      expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
      // Llama's are quantised.
      if (name !== "llama") expect(found).toEqual(wanted);
      expect(plan.names?.kept).toEqual([]);
    },
  );

  test("has names of transformers from GGUF alone", async () => {
    const session = await openSession(writeModel("no-gguf.safetensors", { a: [1] }));
    const planned = planConversion(session, { only: "model", names: "transformers" });
    await expect(planned).rejects.toMatchObject({ code: "NotConvertible" });
  });

  describe("with the experts of a mixture", () => {
    const path = "model.layers.0.mlp.experts";
    const single = (expert: number) => ({
      [`${path}.${expert}.down_proj.weight`]: [expert + 0.5, expert + 0.75],
      [`${path}.${expert}.gate_proj.weight`]: [expert, 1],
      [`${path}.${expert}.up_proj.weight`]: [expert, 2],
    });
    const outer = { "model.embed_tokens.weight": [7] };
    /** Matrices of one row, those that lead back of one column. */
    const write = (name: string, tensors: Readonly<Record<string, readonly number[]>>) =>
      writeTensors(
        join(folder, name),
        Object.entries(tensors).map(([tensor, values]) => ({
          name: tensor,
          dtype: "F32",
          shape: /down_proj|w2/.test(tensor) ? [2, 1] : [1, values.length],
          data: new Uint8Array(Float32Array.from(values).buffer),
        })),
      );

    test("together, as transformers 5 keeps them, and apart again, byte by byte", async () => {
      const source = write("single.safetensors", { ...single(0), ...outer, ...single(1) });
      const fused = await converted(source, "fused.safetensors", { only: "model", experts: "fused" });
      const { checkpoint } = await openSession(fused.path);
      const shapes = new Map(checkpoint.tensors.map(({ name, shape }) => [name, shape]));
      expect(shapes.get(`${path}.gate_up_proj`)).toEqual([2, 2, 2]);
      expect(shapes.get(`${path}.down_proj`)).toEqual([2, 2, 1]);
      const values = await valuesOf(fused.path);
      expect(values.get(`${path}.gate_up_proj`)).toEqual([0, 1, 0, 2, 1, 1, 1, 2]);
      expect(values.get(`${path}.down_proj`)).toEqual([0.5, 0.75, 1.5, 1.75]);
      expect(fused.plan.leftOut).toBe(0);
      const back = await converted(fused.path, "apart.safetensors", { only: "model", experts: "single" });
      expect(await valuesOf(back.path)).toEqual(await valuesOf(source));
    });

    test("under the names of Mixtral of either version", async () => {
      const layer = "model.layers.0.block_sparse_moe.";
      const old = { [`${layer}experts.0.w1.weight`]: [1, 2], [`${layer}experts.0.w2.weight`]: [3, 4] };
      const more = { [`${layer}experts.0.w3.weight`]: [5, 6], [`${layer}gate.weight`]: [7] };
      write("mixtral/model.safetensors", { ...old, ...more });
      writeFileSync(join(folder, "mixtral/config.json"), '{"model_type": "mixtral"}');
      const options = { only: "model", experts: "fused" } as const;
      const fused = await converted(join(folder, "mixtral"), "mixtral-fused", options);
      const values = await valuesOf(fused.path);
      expect(values.get(`${path}.gate_up_proj`)).toEqual([1, 2, 5, 6]);
      expect(values.get("model.layers.0.mlp.gate.weight")).toEqual([7]);
      const back = await converted(fused.path, "mixtral-apart", { only: "model", experts: "single" });
      expect(await valuesOf(back.path)).toEqual(await valuesOf(join(folder, "mixtral")));
    });

    test("is refused where one is missing, is more than three matrices, or lies turned", async () => {
      const refused = async (tensors: Readonly<Record<string, readonly number[]>>) => {
        const session = await openSession(write("no-mixture.safetensors", tensors));
        const planned = planConversion(session, { only: "model", experts: "fused" });
        await expect(planned).rejects.toMatchObject({ code: "NotConvertible" });
      };
      await refused(outer);
      const { [`${path}.2.up_proj.weight`]: _, ...cut } = single(2);
      await refused({ ...single(0), ...single(1), ...cut });
      await refused({ ...single(0), ...single(2) });
      await refused({ ...single(0), [`${path}.0.up_proj.bias`]: [1] });
      const turned = writeTensors(join(folder, "turned.safetensors"), [
        { name: "l.experts.gate_up_proj", dtype: "F32", shape: [1, 2, 6], data: new Uint8Array(48) },
        { name: "l.experts.down_proj", dtype: "F32", shape: [1, 3, 2], data: new Uint8Array(24) },
      ]);
      const apart = async (from: string) =>
        planConversion(await openSession(from), { only: "model", experts: "single" });
      await expect(apart(turned)).rejects.toThrow(/order of their own/);
      const scaled = writeTensors(join(folder, "scaled.safetensors"), [
        { name: "l.experts.gate_up_proj", dtype: "F8_E4M3", shape: [1, 6, 2], data: new Uint8Array(12) },
        { name: "l.experts.down_proj", dtype: "F8_E4M3", shape: [1, 2, 3], data: new Uint8Array(6) },
        { name: "l.experts.gate_up_proj_scale_inv", dtype: "F32", shape: [1, 1, 1], data: new Uint8Array(4) },
      ]);
      await expect(apart(scaled)).rejects.toThrow(/no place among single ones/);
    });
  });

  test("is told before whether a smaller dtype loses anything", async () => {
    const of = async (values: readonly number[], options: object = {}) => {
      const session = await openSession(writeModel("exact.safetensors", { a: [1, 0.5], b: values }));
      return exactnessOf(session, await planConversion(session, { only: "model" }), options);
    };
    // 1 + 2⁻⁷ is the next BF16 after 1; the one after it needs a bit more.
    const exact = { dtype: "BF16", tensors: 2, isExact: true, isKnown: true };
    expect(await of([1 + 2 ** -7, Number.NaN, -0])).toEqual(exact);
    expect(await of([1, 1 + 2 ** -8])).toEqual({ ...exact, isExact: false });
    expect(await of([1, 1 + 2 ** -8], { maxBytes: 4 })).toEqual({ ...exact, isKnown: false });
    expect(await of([1, 1 + 2 ** -8], { dtype: "F16" })).toEqual({ ...exact, dtype: "F16" });
    expect(await of([1e6], { dtype: "F16" })).toMatchObject({ isExact: false });
    expect(await of([1], { dtype: "F32" })).toBeUndefined();
  });

  test("has a configuration that says what the weights are now", () => {
    const text = `{
  "model_type": "llama",
  "quantization_config": {"quant_method": "bitsandbytes", "note": "a } in a text"},
  "rope_theta": 10000.0,
  "text_config": {"torch_dtype": "float32"},
  "torch_dtype": "float32"
}`;
    expect(editConfig(text, { dtype: "BF16", isUnpacked: true })).toBe(`{
  "model_type": "llama",
  "rope_theta": 10000.0,
  "text_config": {"torch_dtype": "bfloat16"},
  "torch_dtype": "bfloat16"
}`);
    expect(editConfig('{"a": 1, "quantization": {"bits": 4}}', { dtype: "F16", isUnpacked: true })).toBe(
      '{"a": 1}',
    );
    expect(editConfig(text, { dtype: "F32", isUnpacked: false })).toBe(text);
    // transformers would load it as F32.
    expect(editConfig('{\n  "model_type": "llama"\n}', { dtype: "BF16", isUnpacked: false })).toBe(
      '{\n  "torch_dtype": "bfloat16",\n  "model_type": "llama"\n}',
    );
    expect(editConfig('{"model_type": "llama", "dtype": null}', { dtype: "F16", isUnpacked: false })).toBe(
      '{"model_type": "llama", "dtype": "float16"}',
    );
    expect(() => editConfig('{"quantization_config": [1]}', { dtype: "F16", isUnpacked: true })).toThrow(
      "config.json",
    );
  });

  test("gets other names by rules, and the metadata that are asked for", async () => {
    const source = writeModel("names.safetensors", { "model.a.weight": [1], "model.a.bias": [2], head: [3] });
    const { path } = await converted(source, "renamed.safetensors", {
      only: "model",
      renames: [
        { from: "model.*.bias", to: "*.b" },
        { from: "model.", to: "net." },
      ],
      metadata: new Map([
        ["author", "me"],
        ["format", ""],
      ]),
    });
    expect(await valuesOf(path)).toEqual(
      new Map([
        ["net.a.weight", [1]],
        ["a.b", [2]],
        ["head", [3]],
      ]),
    );
    expect((await openSession(path)).checkpoint.metadata).toEqual(new Map([["author", "me"]]));
    // What was said of a safetensors file stays said.
    await converted(path, "again.safetensors", { only: "model" });
    const { checkpoint } = await openSession(join(folder, "again.safetensors"));
    expect(checkpoint.metadata.get("author")).toBe("me");
    const refused = (from: string, to: string) =>
      expect(converted(source, "no.safetensors", { only: "model", renames: [{ from, to }] })).rejects;
    await refused("nothing.", "x").toThrow(/No tensor has a name/);
    await refused("model.a.*", "same").toThrow(/Two tensors would be called same/);
    await refused("head", "").toThrow(/no name/);
  });

  test("keeps every tensor of shards, whose storages are numbered anew, and a transposed view beside its own", async () => {
    const folderOfTied = join(projectRoot, "test/fixtures/tied");
    const count = (first: number, length: number) => Array.from({ length }, (_, at) => first + at);
    const index = join(folderOfTied, "pytorch_model.bin.index.json");
    const shards = await converted(index, "shards.safetensors", { only: "model" });
    expect(shards.plan.tied).toEqual([]);
    expect(await valuesOf(shards.path)).toEqual(
      new Map([
        ["layers.0.weight", count(0, 9)],
        ["layers.1.weight", count(9, 9)],
      ]),
    );
    const views = await converted(join(folderOfTied, "views.pt"), "views.safetensors", { only: "model" });
    expect(views.plan.tied).toEqual([["tied.weight", "embed.weight"]]);
    expect(await valuesOf(views.path)).toEqual(
      new Map([
        ["embed.weight", count(0, 16)],
        ["head.weight", count(0, 16).map((at) => 4 * (at % 4) + Math.floor(at / 4))],
      ]),
    );
  });

  test("never replaces its source", async () => {
    const source = writeModel("self.safetensors", { w: [1] });
    const refused = converted(source, "self.safetensors", { only: "model" });
    await expect(refused).rejects.toMatchObject({ code: "SourceInPlace" });
  });
});
