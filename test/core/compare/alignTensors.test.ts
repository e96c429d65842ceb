import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type AlignedSource, alignTensors } from "../../../src/core/compare/tensors/alignTensors";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";

const folder = join(projectRoot, "test", "fixtures", "diff");

function source(
  label: string,
  names: readonly string[],
  aliases: readonly (readonly [string, string])[] = [],
): AlignedSource {
  const tensors = names.map(
    (name): Tensor => ({ name, dtype: "F32", shape: [2], byteSize: 8, offset: 0, fileIndex: 0 }),
  );
  return { label, tensors, aliases: new Map(aliases) };
}

async function fixture(name: string): Promise<AlignedSource> {
  const files = new MemoryFiles({ [`/${name}`]: readFileSync(join(folder, name)) });
  const { checkpoint } = await CheckpointSession.open(files, `/${name}`, () => undefined);
  return { label: name, tensors: checkpoint.tensors, aliases: checkpoint.aliases };
}

const layers = ["layers.0.q.weight", "layers.1.q.weight", "layers.10.q.weight", "norm.weight"];
const under = (prefix: string) => layers.map((name) => `${prefix}${name}`);

/** Names of the rows with the names that each snapshot has there. */
function table(...sources: (AlignedSource | undefined)[]) {
  return alignTensors(sources).rows.map(({ name, tensors, status }) => [
    name,
    status,
    ...tensors.map((tensor) => tensor?.name ?? null),
  ]);
}

const notes = (...sources: AlignedSource[]) => alignTensors(sources).problems.map(({ message }) => message);

describe("names", () => {
  it("are aligned as they are, in natural order", () => {
    expect(table(source("a", layers), source("b", layers.toReversed()))).toEqual(
      layers.map((name) => [name, "same layout", name, name]),
    );
    expect(notes(source("a", layers), source("b", layers))).toEqual([]);
  });

  it.each(["module.", "_orig_mod.", "base_model.model.", "model.", "transformer.", "state_dict.module."])(
    "lose %s in front where that makes them agree, on either side",
    (prefix) => {
      const [bare, wrapped] = [source("bare", layers), source("wrapped", under(prefix))];
      expect(table(bare, wrapped)).toEqual(
        layers.map((name) => [name, "same layout", name, `${prefix}${name}`]),
      );
      expect(notes(bare, wrapped)).toEqual([
        `wrapped: "${prefix}" in front of 4 names is left out, so that they agree.`,
      ]);
      expect(table(wrapped, bare)).toEqual(
        layers.map((name) => [`${prefix}${name}`, "same layout", `${prefix}${name}`, name]),
      );
      expect(notes(wrapped, bare)).toEqual([
        `bare: 4 names are taken as if "${prefix}" stood in front, so that they agree.`,
      ]);
    },
  );

  it("change one wrapper for another, but never an encoder for a decoder", () => {
    const [a, b] = [source("a", under("module.")), source("b", under("model_state_dict.ema."))];
    expect(table(a, b).map(([, status]) => status)).toEqual(Array(4).fill("same layout"));
    expect(notes(a, b)).toHaveLength(1);
    const [encoder, decoder] = [source("a", under("encoder.")), source("b", under("decoder."))];
    expect(table(encoder, decoder)).toHaveLength(8);
  });

  it("keep what agrees already: a head outside of the wrapped part", () => {
    const a = source("a", [...under("model."), "lm_head.weight"]);
    const b = source("b", [...layers, "lm_head.weight", "extra.weight"]);
    expect(table(a, b)).toEqual([
      ["extra.weight", "added", null, "extra.weight"],
      ["lm_head.weight", "same layout", "lm_head.weight", "lm_head.weight"],
      ...layers.map((name) => [`model.${name}`, "same layout", `model.${name}`, name]),
    ]);
  });

  it("find the model in a training checkpoint beside its optimizer, and the copy beside the original", () => {
    const states = layers.flatMap((_, at) => [`optimizer.state.${at}.exp_avg`, `optimizer.state.${at}.step`]);
    const training = source("training", [...under("model_state_dict."), ...states]);
    const rows = table(source("plain", layers), training);
    expect(rows.filter(([, status]) => status === "same layout")).toHaveLength(4);
    expect(rows.filter(([, status]) => status === "added")).toHaveLength(8);
    const withCopy = source("ema", [...layers, ...under("ema.")]);
    expect(table(source("plain", layers), withCopy).map(([, status]) => status)).toEqual([
      ...Array(4).fill("added"),
      ...Array(4).fill("same layout"),
    ]);
  });

  it("lose what FSDP, torch.compile and PEFT put into their middle", () => {
    const a = source("a", ["layers.0.q.weight", "layers.0.q.lora_A.weight"]);
    const b = source("b", [
      "_fsdp_wrapped_module.layers.0._checkpoint_wrapped_module.q.weight",
      "layers.0._orig_mod.q.lora_A.default.weight",
    ]);
    expect(table(a, b).map(([name, status]) => [name, status])).toEqual([
      ["layers.0.q.lora_A.weight", "same layout"],
      ["layers.0.q.weight", "same layout"],
    ]);
    expect(notes(a, b)).toEqual([
      'b: "_fsdp_wrapped_module." in front of 1 name is left out, so that they agree.',
      "b: what wrappers (FSDP, torch.compile, PEFT) put into 2 names is left out, so that they agree.",
    ]);
  });

  it("tell what is added, removed, of another shape or dtype, among three snapshots and one unreadable", () => {
    const a = source("a", ["both", "dtype", "gone", "shape"]);
    const b = source("b", ["both", "dtype", "new", "shape"]);
    const c = source("c", ["both", "dtype", "new", "shape"]);
    const changed = b.tensors.map((tensor) =>
      tensor.name === "shape"
        ? { ...tensor, shape: [1, 2] }
        : tensor.name === "dtype"
          ? { ...tensor, dtype: "I32" }
          : tensor,
    );
    expect(
      table(a, { ...b, tensors: changed }, undefined, c).map(([name, status]) => [name, status]),
    ).toEqual([
      ["both", "same layout"],
      ["dtype", "dtype"],
      ["gone", "removed"],
      ["new", "added"],
      ["shape", "shape"],
    ]);
  });

  it("of nobody, of one snapshot, and hostile ones", () => {
    expect(alignTensors([]).rows).toEqual([]);
    expect(table(source("a", ["x"]), undefined)).toEqual([["x", "same layout", "x", null]]);
    const odd = ["", ".", "..", "__proto__", "constructor", "a".repeat(5000), "x.".repeat(3000)];
    expect(table(source("a", odd), source("b", odd)).map(([, status]) => status)).toEqual(
      Array(odd.length).fill("same layout"),
    );
    const twice = source("b", ["x", "module.x", "_orig_mod.x"]);
    expect(table(source("a", ["x"]), twice)).toHaveLength(3);
  });
});

describe("tied tensors", () => {
  it("are found under the one name that a file keeps", () => {
    const a = source("a", ["embed.weight", "lm_head.weight"]);
    const b = source("b", ["embed.weight"], [["lm_head.weight", "embed.weight"]]);
    expect(table(a, b)).toEqual([
      ["embed.weight", "same layout", "embed.weight", "embed.weight"],
      ["lm_head.weight", "same layout", "lm_head.weight", "embed.weight"],
    ]);
    expect(notes(a, b)).toEqual([
      "1 tensor that one snapshot keeps under two names (tied weights) and another under one is compared with that one.",
    ]);
  });

  it("are found by the storage they share in a torch file, behind its prefix", async () => {
    const [model, wrapped] = [await fixture("model.safetensors"), await fixture("wrapped.pt")];
    const { rows } = alignTensors([model, wrapped]);
    expect(rows.map(({ status }) => status)).toEqual(Array(11).fill("same layout"));
    const head = rows.find(({ name }) => name === "module.lm_head.weight");
    expect(head?.tensors.map((tensor) => tensor?.name)).toEqual([
      "model.embed.weight",
      "module.lm_head.weight",
    ]);
    expect(head?.tiedTo).toBe("model.embed.weight");
  });
});

describe("containers", () => {
  it("a model aligns with a training checkpoint of it", async () => {
    const [model, training] = [await fixture("model.safetensors"), await fixture("training.pt")];
    const { rows, problems } = alignTensors([model, training]);
    expect(rows.filter(({ status }) => status === "same layout")).toHaveLength(10);
    expect(rows.filter(({ status }) => status === "added").map(({ name }) => name)).toEqual([
      "optimizer.state.0.exp_avg",
      "optimizer.state.0.step",
    ]);
    expect(problems.map(({ message }) => message)).toEqual([
      'training.pt: "model_state_dict." in front of 10 names is taken for "model.", so that they agree.',
    ]);
  });
});

describe("training checkpoints", () => {
  it("have their weights first, and what an optimizer keeps behind them", () => {
    const names = ["model.z.weight", "optimizer.state.0.exp_avg", "z_loss_scale"];
    const both = ["a", "b"].map((label) => ({ ...source(label, names), optimizerPaths: ["optimizer"] }));
    expect(alignTensors(both).rows.map(({ name, part }) => [name, part])).toEqual([
      ["model.z.weight", undefined],
      ["z_loss_scale", undefined],
      ["optimizer.state.0.exp_avg", "optimizer"],
    ]);
  });

  it("have the names that a loader takes out of them, which are no others", () => {
    const plain = source("a", ["fc.weight", "fc.bias"]);
    const kept = { ...source("b", ["model.fc.weight", "model.fc.bias"]), modelPaths: ["model"] };
    const kinds = (...sources: Parameters<typeof alignTensors>[0]) =>
      alignTensors(sources).aligned.map(({ kind }) => kind);
    expect([kinds(plain, kept), kinds(kept, plain)]).toEqual([["format"], ["format"]]);
    expect(kinds(plain, { ...kept, modelPaths: [""] })).toEqual(["wrapper"]);
  });

  it("are not set apart where there is nothing but an optimizer", () => {
    const one = { ...source("a", ["optimizer.state.0.exp_avg"]), optimizerPaths: ["optimizer"] };
    expect(alignTensors([one, one]).rows.map(({ part }) => part)).toEqual([undefined]);
  });
});

describe("experts of a layer in one tensor and one by one", () => {
  const [experts, inner, hidden] = [2, 3, 4];
  const path = "model.layers.0.mlp.experts";
  const tensor = (name: string, shape: readonly number[], offset = 0): Tensor => ({
    name,
    dtype: "F32",
    shape,
    byteSize: 4 * shape.reduce((product, size) => product * size, 1),
    offset,
    fileIndex: 0,
  });
  const fused = [
    tensor(`${path}.gate_up_proj`, [experts, 2 * inner, hidden], 1000),
    tensor(`${path}.down_proj`, [experts, hidden, inner], 5000),
  ];
  const single = [0, 1].flatMap((expert) => [
    tensor(`${path}.${expert}.gate_proj.weight`, [inner, hidden]),
    tensor(`${path}.${expert}.up_proj.weight`, [inner, hidden]),
    tensor(`${path}.${expert}.down_proj.weight`, [hidden, inner]),
  ]);
  const source = (label: string, tensors: readonly Tensor[]) => ({ label, tensors, aliases: new Map() });

  it("are the same: slices of the one are held against the other", () => {
    const { rows, problems } = alignTensors([source("old", single), source("new", fused)]);
    expect(rows.map(({ name, status, tensors }) => [name, status, tensors[1]?.offset])).toEqual([
      // gate of expert 0 is the first half of the rows of its matrix, up the second.
      [`${path}.0.down_proj.weight`, "same layout", 5000],
      [`${path}.0.gate_proj.weight`, "same layout", 1000],
      [`${path}.0.up_proj.weight`, "same layout", 1000 + 4 * inner * hidden],
      [`${path}.1.down_proj.weight`, "same layout", 5000 + 4 * hidden * inner],
      [`${path}.1.gate_proj.weight`, "same layout", 1000 + 4 * 2 * inner * hidden],
      [`${path}.1.up_proj.weight`, "same layout", 1000 + 4 * 3 * inner * hidden],
    ]);
    expect(problems[0]?.message).toMatch(/^new: experts that are kept in one tensor/);
  });

  it("also under Mixtral's names of before", () => {
    const mixtral = single.map((each) => ({
      ...each,
      name: each.name
        .replace("mlp.", "block_sparse_moe.")
        .replace("gate_proj", "w1")
        .replace("down_proj", "w2")
        .replace("up_proj", "w3"),
    }));
    const { rows } = alignTensors([source("new", fused), source("old", mixtral)]);
    expect(rows.every(({ status }) => status === "same layout")).toBe(true);
  });

  it("are left alone where they lie otherwise, or where nothing has them one by one", () => {
    const transposed = [tensor(`${path}.gate_up_proj`, [experts, hidden, 2 * inner])];
    const { rows } = alignTensors([source("old", single), source("new", transposed)]);
    expect(rows.map(({ name }) => name)).toContain(`${path}.gate_up_proj`);
    expect(alignTensors([source("a", fused), source("b", fused)]).rows).toHaveLength(2);
  });
});

it("query and key of torchtune are not held against those of transformers, and it is said", () => {
  const names = (...all: string[]) => all.map((name) => layerTensor(name));
  const { rows, problems } = alignTensors([
    {
      label: "hf",
      tensors: names("model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.up_proj.weight"),
      aliases: new Map(),
    },
    {
      label: "tune",
      tensors: names("layers.0.attn.q_proj.weight", "layers.0.mlp.w3.weight"),
      aliases: new Map(),
    },
  ]);
  expect(rows.filter(({ tensors }) => tensors.every((tensor) => tensor !== undefined))).toHaveLength(1);
  expect(problems).toContainEqual(expect.objectContaining({ code: "RowsInOtherOrder" }));
});

function layerTensor(name: string): Tensor {
  return { name, dtype: "F32", shape: [4, 4], byteSize: 64, offset: 0, fileIndex: 0 };
}
