import { describe, expect, it } from "vitest";
import { createMatrix, frobeniusNorm, type Matrix } from "../../../src/core/linalg/matrix";
import { multiply } from "../../../src/core/linalg/multiply";
import { singularValuesOf } from "../../../src/core/linalg/singularValues";
import { extractCheckpoint } from "../../../src/core/report/makeAdapter";
import { extractReport, extractText } from "../../../src/core/report/reduceReport";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { WritableDtype } from "../../../src/core/tensors/encode";
import type { ExtractionRule } from "../../../src/core/transform/extractionRank";
import { loadFactors } from "../../../src/core/update/factors";
import { MemoryFiles } from "../../support/memoryFiles";
import { type MemoryTensor, memorySink, now, writeTensors } from "../adapter/memoryAdapters";
import { randomMatrix, scaled } from "../linalg/matrices";
import { dense } from "../update/randomFactors";

function weight(name: string, matrix: Matrix, dtype: WritableDtype = "F64"): MemoryTensor {
  return { name, shape: [matrix.rows, matrix.cols], values: matrix.data, dtype };
}

function vector(name: string, values: readonly number[]): MemoryTensor {
  return { name, shape: [values.length], values: Float64Array.from(values) };
}

function sum(x: Matrix, y: Matrix): Matrix {
  return createMatrix(
    x.rows,
    x.cols,
    x.data.map((value, at) => value + (y.data[at] as number)),
  );
}

const lowRank = (rows: number, cols: number, seed: number) =>
  scaled(multiply(randomMatrix(rows, 3, seed), randomMatrix(3, cols, seed + 1)), 0.01);

const q0 = randomMatrix(40, 30, 1);
const up0 = randomMatrix(60, 30, 2);
const same0 = randomMatrix(30, 30, 3);
const embed = randomMatrix(50, 30, 4);
const dq = lowRank(40, 30, 5);
const dup = scaled(randomMatrix(60, 30, 6), 0.01);

function models(): MemoryFiles {
  const files = new MemoryFiles();
  const base = [
    weight("model.layers.0.q_proj.weight", q0),
    weight("model.layers.0.up_proj.weight", up0),
    weight("model.layers.0.same.weight", same0),
    weight("model.embed_tokens.weight", embed),
    vector("model.norm.weight", [1, 1, 1]),
    vector("old.weight", [1]),
  ];
  const tuned = [
    weight("model.layers.0.q_proj.weight", sum(q0, dq)),
    weight("model.layers.0.up_proj.weight", sum(up0, dup)),
    weight("model.layers.0.same.weight", same0),
    weight("model.embed_tokens.weight", embed),
    vector("model.norm.weight", [1, 2, 1]),
  ];
  writeTensors(files, "/base/model.safetensors", base);
  writeTensors(files, "/tuned/model.safetensors", tuned);
  files.write("/base/config.json", '{"_name_or_path": "tiny/base"}');
  return files;
}

function extract(files: MemoryFiles, rule: ExtractionRule, saveOthers = false) {
  const make = { files, sink: memorySink(files), out: "/out", replace: false, toolVersion: "1", now };
  return extractCheckpoint("/base", "/tuned", rule, saveOthers, make);
}

describe("extractAdapter", () => {
  it("makes an adapter whose error is what it says, close to the best of its rank", async () => {
    const files = models();
    const result = await extract(files, { kind: "rank", rank: 4 });
    const session = await CheckpointSession.open(files, "/out", () => undefined);
    const reader = session.tensorReader();
    const modules = new Map(session.adapter?.modules.map((module) => [module.module, module]));
    expect([...modules.keys()].sort()).toEqual(["model.layers.0.q_proj", "model.layers.0.up_proj"]);
    for (const [name, difference] of [
      ["model.layers.0.q_proj", dq],
      ["model.layers.0.up_proj", dup],
    ] as const) {
      const module = modules.get(name);
      const about = result.extracted.find((each) => each.module === name);
      if (module === undefined || about === undefined) throw new Error(`${name} is missing.`);
      const factors = await loadFactors(module, (tensor) => reader.read(tensor));
      const rest = sum(difference, scaled(dense(factors), -1));
      const norm = frobeniusNorm(difference);
      const error = frobeniusNorm(rest) / norm;
      expect(about.norm / norm).toBeCloseTo(1, 12);
      expect(error ** 2).toBeCloseTo(1 - about.energyKept, 6);
      const best = singularValuesOf(difference).subarray(4);
      const least = Math.sqrt(best.reduce((total, value) => total + value * value, 0)) / norm;
      expect(error - least).toBeLessThan(2e-3);
      expect(about.unfound).toBeLessThan(1);
    }
    expect(result.extracted[0]?.energyKept).toBeCloseTo(1, 6);
    expect(result.problems.map(({ code }) => code)).toEqual(["NotExtracted", "OnlyInOne"]);
    expect(session.stage).toMatchObject({ stage: "svd", source: "stage-file" });
    expect(session.adapterConfig).toMatchObject({ baseModel: "tiny/base", r: 4, loraAlpha: 4 });
  });

  it("chooses the rank by energy where asked", async () => {
    const result = await extract(models(), { kind: "energy", share: 0.9, maxRank: 20 });
    const [q, up] = result.extracted;
    expect(q?.rank).toBeLessThanOrEqual(3);
    for (const module of [q, up]) {
      const total = (module?.norm ?? 0) ** 2;
      const reached = (rank: number) =>
        (module?.singularValues ?? new Float64Array())
          .subarray(0, rank)
          .reduce((energy, value) => energy + value * value, 0);
      expect(reached(module?.rank ?? 0)).toBeGreaterThanOrEqual(0.9 * total);
      expect(reached((module?.rank ?? 1) - 1)).toBeLessThan(0.9 * total);
    }
  });

  it("gives a router of few experts the rank of all others, which PEFT 0.21 asks of a wrapped parameter", async () => {
    const files = new MemoryFiles();
    const name = "model.layers.0.mlp.gate.weight";
    const [gate, moved] = [randomMatrix(3, 30, 7), scaled(randomMatrix(3, 30, 8), 0.01)];
    const q = "model.layers.0.q_proj.weight";
    writeTensors(files, "/base/model.safetensors", [weight(q, q0), weight(name, gate)]);
    writeTensors(files, "/tuned/model.safetensors", [weight(q, sum(q0, dq)), weight(name, sum(gate, moved))]);
    await extract(files, { kind: "rank", rank: 8 });
    const session = await CheckpointSession.open(files, "/out", () => undefined);
    expect(session.adapter?.modules.map(({ rank }) => rank)).toEqual([8, 8]);
    expect(session.adapterConfig?.rankPattern.size).toBe(0);
    const reader = session.tensorReader();
    const module = session.adapter?.modules.find((each) => each.module.endsWith("gate"));
    if (module === undefined) throw new Error("no router");
    const made = dense(await loadFactors(module, (tensor) => reader.read(tensor)));
    expect(frobeniusNorm(sum(made, scaled(moved, -1)))).toBeLessThan(1e-6 * frobeniusNorm(moved));
  });

  it("carries over whole what is no linear layer, where asked", async () => {
    const files = models();
    const result = await extract(files, { kind: "rank", rank: 2 }, true);
    const session = await CheckpointSession.open(files, "/out", () => undefined);
    expect(session.adapterConfig?.modulesToSave).toEqual(["norm"]);
    expect(session.adapter?.savedTensors.map(({ name }) => name)).toEqual([
      "base_model.model.model.norm.weight",
    ]);
    expect(result.problems.map(({ code }) => code)).toEqual(["OnlyInOne"]);
  });

  it("takes fused experts apart where the base keeps each by itself, and refuses a base that has them fused", async () => {
    const files = new MemoryFiles();
    const path = "model.layers.0.mlp.experts";
    const parts = ["gate_proj", "up_proj", "down_proj"] as const;
    const shapes = [
      [12, 16],
      [12, 16],
      [16, 12],
    ] as const;
    const shapeOf = (at: number): readonly [number, number] => shapes[at] ?? shapes[0];
    const old = (expert: number, at: number) => randomMatrix(...shapeOf(at), 10 * expert + at);
    const tuned = (expert: number, at: number) =>
      sum(old(expert, at), lowRank(...shapeOf(at), 100 + 10 * expert + at));
    const single = (of: typeof old) =>
      [0, 1].flatMap((expert) =>
        parts.map((part, at) => weight(`${path}.${expert}.${part}.weight`, of(expert, at))),
      );
    const joined = (name: string, sizes: readonly number[], matrices: readonly Matrix[]): MemoryTensor => ({
      name,
      shape: sizes,
      values: Float64Array.from(matrices.flatMap(({ data }) => [...data])),
    });
    const fused = (of: typeof old) => [
      joined(`${path}.gate_up_proj`, [2, 24, 16], [of(0, 0), of(0, 1), of(1, 0), of(1, 1)]),
      joined(`${path}.down_proj`, [2, 16, 12], [of(0, 2), of(1, 2)]),
    ];
    writeTensors(files, "/base/model.safetensors", single(old));
    writeTensors(files, "/tuned/model.safetensors", fused(tuned));
    await extract(files, { kind: "rank", rank: 3 });
    const session = await CheckpointSession.open(files, "/out", () => undefined);
    const reader = session.tensorReader();
    expect(session.adapter?.modules).toHaveLength(6);
    for (const module of session.adapter?.modules ?? []) {
      const [, expert = "", part = ""] = /experts\.(\d)\.(\w+)$/.exec(module.module) ?? [];
      const at = parts.indexOf(part as "up_proj");
      const wanted = sum(tuned(Number(expert), at), scaled(old(Number(expert), at), -1));
      const found = dense(await loadFactors(module, (tensor) => reader.read(tensor)));
      expect(frobeniusNorm(sum(wanted, scaled(found, -1)))).toBeLessThan(1e-5 * frobeniusNorm(wanted));
    }
    files.write("/out/adapter_config.json", "{}");
    for (const other of [single(tuned), fused(tuned)]) {
      writeTensors(files, "/base/model.safetensors", [weight("a.weight", q0), ...fused(old)]);
      writeTensors(files, "/tuned/model.safetensors", [weight("a.weight", sum(q0, dq)), ...other]);
      await expect(extract(files, { kind: "rank", rank: 3 })).rejects.toMatchObject({
        code: "NotExtractable",
        message: expect.stringMatching(/target_parameters/),
      });
    }
  });

  it.each<readonly [string, readonly MemoryTensor[], readonly MemoryTensor[], RegExp]>([
    ["a layer that the base lacks", [], [weight("layers.1.q.weight", q0)], /fine-tuned model only/],
    ["a layer that the fine-tuned model lacks", [weight("layers.1.q.weight", q0)], [], /base only/],
    [
      "a bias of an adapted layer",
      [vector("layers.0.q.bias", [1, 2])],
      [vector("layers.0.q.bias", [1, 3])],
      /no linear layer/,
    ],
    [
      "a parameter that stands in no module of its own",
      [vector("A_log", [1, 2])],
      [vector("A_log", [1, 3])],
      /no linear layer/,
    ],
    ["a layer of another shape", [weight("x.weight", q0)], [weight("x.weight", up0)], /another shape/],
  ])("refuses %s instead of leaving it out", async (_, base, tuned, reason) => {
    const files = new MemoryFiles();
    writeTensors(files, "/base/model.safetensors", [weight("layers.0.q.weight", q0), ...base]);
    writeTensors(files, "/tuned/model.safetensors", [weight("layers.0.q.weight", sum(q0, dq)), ...tuned]);
    await expect(extract(files, { kind: "rank", rank: 3 }, true)).rejects.toMatchObject({
      code: "NotExtractable",
      message: expect.stringMatching(reason),
    });
    expect(await files.stat("/out")).toBeUndefined();
  });

  it("saves a vocabulary that grew, and counts what it leaves out in the energy", async () => {
    const files = models();
    const grown = createMatrix(52, 30, Float64Array.from([...embed.data, ...new Float64Array(60)]));
    writeTensors(files, "/tuned/model.safetensors", [
      weight("model.layers.0.q_proj.weight", sum(q0, dq)),
      weight("model.embed_tokens.weight", grown),
      vector("model.norm.weight", [1, 2, 1]),
    ]);
    writeTensors(files, "/base/model.safetensors", [
      weight("model.layers.0.q_proj.weight", q0),
      weight("model.embed_tokens.weight", embed),
      vector("model.norm.weight", [1, 1, 1]),
    ]);
    const whole = await extract(files, { kind: "rank", rank: 3 }, true);
    expect(whole.problems.map(({ code }) => code)).toEqual(["ResizeFirst", "HeadStaysBase"]);
    const session = await CheckpointSession.open(files, "/out", () => undefined);
    expect(session.adapterConfig?.modulesToSave).toEqual(["norm", "embed_tokens"]);
    files.write("/out/adapter_config.json", "{}");
    writeTensors(files, "/tuned/model.safetensors", [
      weight("model.layers.0.q_proj.weight", sum(q0, dq)),
      weight("model.embed_tokens.weight", embed),
      vector("model.norm.weight", [1, 2, 1]),
    ]);
    const square = frobeniusNorm(dq) ** 2;
    const make = { files, sink: memorySink(files), out: "/linear", replace: false, toolVersion: "1", now };
    const rule = { kind: "rank", rank: 3 } as const;
    const linear = await extractCheckpoint("/base", "/tuned", rule, false, make);
    // The norm's difference of 1 is left out.
    expect(linear.energyKept).toBeCloseTo(square / (square + 1), 6);
  });

  it("saves a tied head with the embeddings, and refuses what else is tied to them", async () => {
    const files = models();
    const pairOf = (name: string) => {
      writeTensors(files, "/base/model.safetensors", [weight("layers.0.q.weight", q0), weight(name, embed)]);
      const changed = scaled(embed, 2);
      writeTensors(files, "/tuned/model.safetensors", [
        weight("layers.0.q.weight", sum(q0, dq)),
        weight(name, changed),
      ]);
    };
    pairOf("model.embed_tokens.weight");
    files.write("/base/config.json", '{"architectures": ["LlamaForCausalLM"], "tie_word_embeddings": true}');
    const { problems } = await extract(files, { kind: "rank", rank: 3 }, true);
    expect(problems.map(({ code }) => code)).not.toContain("HeadStaysBase");
    // PEFT 0.21 loads these as the fine-tuned model; with the embeddings alone its head is the base's.
    const session = await CheckpointSession.open(files, "/out", () => undefined);
    expect(session.adapterConfig?.modulesToSave).toEqual(["embed_tokens", "lm_head"]);
    const saved = session.checkpoint.tensors.filter(({ name }) => !name.includes("lora_"));
    expect(saved.map(({ name }) => name).sort()).toEqual([
      "base_model.model.lm_head.weight",
      "base_model.model.model.embed_tokens.weight",
    ]);
    const reader = session.tensorReader();
    const [one, two] = await Promise.all(saved.map((tensor) => reader.read(tensor)));
    expect(one).toEqual(two);
    await reader.close();
    // A head in the file of a base that says that it is tied is not loaded.
    writeTensors(files, "/base/model.safetensors", [
      weight("layers.0.q.weight", q0),
      weight("model.embed_tokens.weight", embed),
      weight("lm_head.weight", embed),
    ]);
    const make = { files, sink: memorySink(files), out: "/other", replace: false, toolVersion: "1", now };
    await extractCheckpoint("/base", "/tuned", { kind: "rank", rank: 3 }, true, make);
    const other = await CheckpointSession.open(files, "/other", () => undefined);
    expect(other.adapterConfig?.modulesToSave).toEqual(["embed_tokens", "lm_head"]);
    // A model without such a head is not refused for a tie.
    pairOf("embeddings.word_embeddings.weight");
    files.write("/base/config.json", '{"architectures": ["BertModel"], "tie_word_embeddings": true}');
    await extractCheckpoint("/base", "/tuned", { kind: "rank", rank: 3 }, true, { ...make, out: "/bert" });
    files.write("/base/config.json", '{"architectures": ["BertForMaskedLM"]}');
    const masked = extractCheckpoint("/base", "/tuned", { kind: "rank", rank: 3 }, true, {
      ...make,
      out: "/masked",
    });
    await expect(masked).rejects.toMatchObject({ code: "NotExtractable" });
    pairOf("shared.weight");
    files.write("/base/config.json", '{"architectures": ["T5ForConditionalGeneration"]}');
    await expect(extract(files, { kind: "rank", rank: 3 }, true)).rejects.toMatchObject({
      ...{ code: "NotExtractable", message: expect.stringMatching(/^shared\.weight changed/) },
    });
  });

  it("draws the line of rounding for 16-bit weights", async () => {
    const files = new MemoryFiles();
    writeTensors(files, "/base/model.safetensors", [weight("a.weight", randomMatrix(64, 48, 1), "BF16")]);
    const noisy = sum(randomMatrix(64, 48, 1), scaled(lowRank(64, 48, 5), 0.1));
    writeTensors(files, "/tuned/model.safetensors", [weight("a.weight", noisy, "BF16")]);
    const result = await extract(files, { kind: "rank", rank: 16 });
    const { noise, singularValues } = result.extracted[0] ?? { noise: 0, singularValues: new Float64Array() };
    // Predicted √2·ε·(√m + √n); beyond the three real components the spectrum starts there.
    expect(noise / (singularValues[3] as number)).toBeGreaterThan(0.7);
    expect(noise / (singularValues[3] as number)).toBeLessThan(1.5);
    expect(result.problems.map(({ code }) => code)).toContain("BelowNoise");
  });

  it("says why there is nothing to extract", async () => {
    const files = models();
    const make = { files, sink: memorySink(files), out: "/out", replace: false, toolVersion: "1", now };
    const rule = { kind: "rank", rank: 2 } as const;
    await expect(extractCheckpoint("/base", "/base", rule, false, make)).rejects.toThrow("are equal");
    writeTensors(files, "/other/model.safetensors", [vector("x", [1])]);
    await expect(extractCheckpoint("/base", "/other", rule, false, make)).rejects.toMatchObject({
      code: "NothingToExtract",
    });
  });

  it("reports for scripts and for people", async () => {
    const result = await extract(models(), { kind: "rank", rank: 2 });
    expect(extractReport(result).modules.map(({ module, rank }) => [module, rank])).toEqual([
      ["model.layers.0.q_proj", 2],
      ["model.layers.0.up_proj", 2],
    ]);
    expect(extractText(result)).toContain("of the energy of the difference");
  });
});
