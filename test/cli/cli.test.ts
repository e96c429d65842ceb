import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { projectRoot } from "../support/projectRoot";
import { cliFolder, floats } from "./cliFolder";

const { run, folder } = cliFolder();

/** Rank 1: B = [b, 0]ᵀ, A = [1, 0], so ΔW has one entry, alpha/r · b. */
function writeAdapter(name: string, b: number, state?: object): void {
  const path = join(folder, "run", name);
  mkdirSync(path, { recursive: true });
  const prefix = "base_model.model.layers.0.q_proj";
  const file = safetensorsFile({
    metadata: { format: "pt" },
    tensors: [
      { name: `${prefix}.lora_A.weight`, dtype: "F32", shape: [1, 2] },
      { name: `${prefix}.lora_B.weight`, dtype: "F32", shape: [2, 1] },
    ],
    data: new Uint8Array([...floats(1, 0), ...floats(b, 0)]),
  });
  writeFileSync(join(path, "adapter_model.safetensors"), file);
  const config = {
    peft_type: "LORA",
    r: 1,
    lora_alpha: 2,
    target_modules: ["q_proj"],
    base_model_name_or_path: "base",
  };
  writeFileSync(join(path, "adapter_config.json"), JSON.stringify(config));
  if (state !== undefined)
    writeFileSync(join(path, "trainer_state.json"), JSON.stringify(state).replaceAll('"NaN"', "NaN"));
}

beforeAll(() => {
  const first = { step: 10, epoch: 0.5, loss: 2, learning_rate: 0.001 };
  const second = { step: 20, epoch: 1, loss: "NaN", learning_rate: 0.0005 };
  writeAdapter("checkpoint-10", 3, { global_step: 10, max_steps: 20, epoch: 0.5, log_history: [first] });
  writeAdapter("checkpoint-20", 6, {
    global_step: 20,
    max_steps: 20,
    epoch: 1,
    log_history: [first, second],
  });
  writeAdapter("../zero", 0);
  const data = floats(1, -2, 0, Number.NaN, Number.POSITIVE_INFINITY, 3);
  const tensors = [{ name: "w", dtype: "F32", shape: [2, 3] }];
  writeFileSync(join(folder, "numbers.safetensors"), safetensorsFile({ tensors, data }));
  writeFileSync(join(folder, "cut.safetensors"), safetensorsFile({ tensors, data }).subarray(0, -4));
  writeFileSync(
    join(folder, "pointer.safetensors"),
    `version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 13500000000\n`,
  );
});

describe("inspect", () => {
  test("leads on from the folder of a run to its checkpoints", () => {
    const { status, json } = run("inspect", "run", "--json");
    expect(status).toBe(0);
    const { problems, runs } = json();
    expect(problems).toMatchObject([{ severity: "info", code: "RunFolder" }]);
    const paths = runs.flatMap((one: { checkpoints: { path: string }[] }) =>
      one.checkpoints.map(({ path }) => path.slice(path.lastIndexOf("/") + 1)),
    );
    expect(paths).toEqual(["checkpoint-10", "checkpoint-20"]);
    expect(run("inspect", "run").stdout).toContain("A folder of 1 run with 2 checkpoints");
  });

  test("leads on from a folder of single files, of which none is meant more than another", () => {
    const made = join(projectRoot, "test", "fixtures", "ordinary");
    mkdirSync(join(folder, "nets"));
    for (const name of ["gan.pt", "hist1.pt"]) copyFileSync(join(made, name), join(folder, "nets", name));
    const { problems, runs } = run("inspect", "nets", "--json").json();
    expect(problems).toMatchObject([{ severity: "info", code: "RunFolder" }]);
    expect(runs[0].checkpoints).toHaveLength(2);
    expect(run("inspect", "nets/gan.pt", "--json").json().problems).toEqual([]);
  });

  test("prints tensors, adapter and progress as the contract names them", () => {
    const { status, json } = run("inspect", "run/checkpoint-20", "--json");
    expect(status).toBe(0);
    const report = json();
    expect(report).toMatchObject({
      path: "run/checkpoint-20",
      format: "safetensors",
      kind: "adapter",
      metadata: { format: "pt" },
      config: { r: 1, lora_alpha: 2 },
      adapter: { type: "LORA", rank: 1, alpha: 2, scale: 2, baseModel: "base", targetModules: ["q_proj"] },
      progress: { step: 20, epoch: 1, loss: "NaN", learningRate: 0.0005 },
      problems: [],
    });
    expect(report.tensors).toEqual([
      { name: "base_model.model.layers.0.q_proj.lora_A.weight", dtype: "F32", shape: [1, 2], byteSize: 8 },
      { name: "base_model.model.layers.0.q_proj.lora_B.weight", dtype: "F32", shape: [2, 1], byteSize: 8 },
    ]);
    const [module] = report.adapter.modules;
    expect(module).toMatchObject({
      module: "layers.0.q_proj",
      rank: 1,
      scale: 2,
      stableRank: 1,
      effectiveRank: 1,
    });
    expect(module.frobenius).toBeCloseTo(12, 12);
    expect(module.singularValues).toHaveLength(1);
  });

  test("answers whether training can be resumed, as data and as text", () => {
    const sample = join(projectRoot, "media", "sample", "03-fine-tuning", "checkpoint-240");
    const { resume } = run("inspect", sample, "--json").json();
    expect(resume).toMatchObject({
      answer: "finished",
      sentence: expect.stringMatching(/^Finished: step 240 of 240/),
    });
    expect(resume.checks[0]).toEqual({
      what: "Parameters",
      verdict: "ok",
      reason: expect.stringMatching(/^adapter_model\.safetensors is whole: 28 tensors/),
    });
    expect(run("inspect", sample).stdout).toMatch(/Can I resume\?\nok {7}Parameters: adapter_model/);
    expect(run("inspect", "run/checkpoint-20").stdout).toMatch(
      /^Resume: (?:Finished: .*)?Only the weights: /m,
    );
  });

  test("gives statistics over the finite values, and the hash of the bytes", () => {
    const { json } = run("inspect", "numbers.safetensors", "--json", "--stats", "--sha256");
    const [tensor] = json().tensors;
    const { stats, sha256 } = tensor;
    expect(stats).toMatchObject({ min: -2, max: 3, mean: 0.5, absMax: 3, zeros: 1, nan: 1, inf: 1 });
    // Of 1, -2, 0, 3: the mean is 0.5, Σx² is 14.
    expect(stats.std).toBeCloseTo(Math.sqrt(14 / 4 - 0.25), 12);
    expect(stats.l2).toBeCloseTo(Math.sqrt(14), 12);
    const bytes = floats(1, -2, 0, Number.NaN, Number.POSITIVE_INFINITY, 3);
    expect(sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  test("shows what a cut file still holds, and fails", () => {
    const { status, json } = run("inspect", "cut.safetensors", "--json", "--stats");
    expect(status).toBe(1);
    expect(json().tensors).toMatchObject([{ name: "w", shape: [2, 3] }]);
    expect(json().problems).toMatchObject([
      { severity: "error", code: "MetadataIncompleteBuffer" },
      { severity: "error", code: "UnreadableTensor", tensor: "w" },
    ]);
  });

  test("says what a file is instead, without a stack trace", () => {
    const { status, stdout, stderr } = run("inspect", "pointer.safetensors");
    expect(status).toBe(1);
    expect(stdout).toContain("Git LFS pointer");
    expect(stdout).toContain("13.5 GB");
    expect(stdout + stderr).not.toContain("    at ");
  });

  test("a readable table names each module and tensor", () => {
    const { stdout } = run("inspect", "run/checkpoint-10");
    expect(stdout).toMatch(/LoRA adapter, rank 1, 1 module, 2 tensors/);
    expect(stdout).toMatch(/^layers\.0\.q_proj +1 +2 +2 +6 +6 /m);
    expect(stdout).toMatch(/lora_A\.weight +F32 +\[1, 2\] +8 bytes$/m);
  });
});

describe("compare", () => {
  test("compares each with each", () => {
    const { status, json } = run("compare", "run/checkpoint-10", "run/checkpoint-20", "--json");
    expect(status).toBe(0);
    const report = json();
    expect(report.snapshots).toMatchObject([
      { label: "checkpoint-10", step: 10 },
      { label: "checkpoint-20", step: 20 },
    ]);
    const [{ module, snapshots, pairs }] = report.modules;
    expect(module).toBe("layers.0.q_proj");
    expect(snapshots).toMatchObject([
      { rank: 1, energy: [1] },
      { rank: 1, energy: [1] },
    ]);
    // Twice the update: the same direction, and as much again.
    expect(pairs).toHaveLength(1);
    expect(pairs[0]).toMatchObject({ a: 0, b: 1 });
    expect(pairs[0].cosine).toBeCloseTo(1, 12);
    expect(pairs[0].relativeChange).toBeCloseTo(1, 12);
    expect(pairs[0].subspaceSimilarity).toBeCloseTo(1, 12);
  });

  test("one that cannot be read does not hide the others", () => {
    const { status, json } = run("compare", "run/checkpoint-10", "pointer.safetensors", "--json");
    expect(status).toBe(1);
    expect(json().problems).toMatchObject([{ code: "GitLfsPointer" }]);
    expect(json().modules).toHaveLength(1);
  });
});

test("runs lists checkpoints by step, with the merged series", () => {
  const { status, json } = run("runs", "run", "--json");
  expect(status).toBe(0);
  const [report] = json();
  expect(report.checkpoints).toMatchObject([
    { step: 10, loss: 2, parts: expect.arrayContaining(["adapter", "adapter-config", "trainer-state"]) },
    { step: 20, loss: "NaN", learningRate: 0.0005 },
  ]);
  expect(report.series.loss).toEqual({ steps: [10, 20], values: [2, "NaN"] });
});

describe("verify", () => {
  test("ends with 0 where nothing is wrong", () => {
    const { status, json } = run("verify", "run/checkpoint-10", "--json");
    expect(status).toBe(0);
    expect(json()).toMatchObject({ path: "run/checkpoint-10", healthy: true, tensors: 2, tensorsRead: 2 });
  });

  test("counts no tensor as read whose values lie elsewhere in the file", () => {
    const { tensors, tensorsRead } = run(
      "verify",
      join(projectRoot, "test/fixtures/hdf5/latest.h5"),
      "--json",
    ).json();
    expect(tensorsRead).toBe(tensors - 1);
  });

  test("ends with 1 for an adapter that does not fit the base that is given", () => {
    const weight = { dtype: "F32", shape: [2, 2] };
    const path = join(folder, "other-base.safetensors");
    writeFileSync(path, safetensorsFile({ tensors: [{ name: "model.decoder.q_proj.weight", ...weight }] }));
    const misfit = run("verify", "run/checkpoint-10", "--base", "other-base.safetensors", "--json");
    expect(misfit.status).toBe(1);
    expect(misfit.json().problems).toMatchObject([{ severity: "error", code: "BaseModulesMissing" }]);
    writeFileSync(path, safetensorsFile({ tensors: [{ name: "layers.0.q_proj.weight", ...weight }] }));
    expect(run("verify", "run/checkpoint-10", "--base", "other-base.safetensors").status).toBe(0);
    const gone = run("verify", "run/checkpoint-10", "--base", "nowhere", "--json");
    expect([gone.status, gone.json().problems[0].code]).toEqual([1, "BaseUnreadable"]);
    // A model is held against no base: said, where "healthy" alone would read as if it had been.
    const model = run("verify", "other-base.safetensors", "--base", "other-base.safetensors", "--json");
    expect([model.status, model.json().problems]).toMatchObject([
      0,
      [{ severity: "warning", code: "BaseUnused" }],
    ]);
  });

  test("ends with 1 where values are not finite, which only reading them tells", () => {
    const { status, json } = run("verify", "numbers.safetensors", "--json");
    expect(status).toBe(1);
    expect(json()).toMatchObject({
      healthy: false,
      problems: [
        {
          code: "NotFiniteValues",
          tensor: "w",
          message: expect.stringContaining("1 NaN and 1 infinite of 6"),
        },
      ],
    });
    expect(run("verify", "numbers.safetensors", "--quick").status).toBe(0);
  });

  test("ends with 1 for what is cut or no checkpoint, and says why", () => {
    const cut = run("verify", "cut.safetensors");
    expect(cut.status).toBe(1);
    expect(cut.stdout).toMatch(/not healthy \(1 tensors?, headers only\)\nerror: MetadataIncompleteBuffer: /);
    const pointer = run("verify", "pointer.safetensors", "--json");
    expect(pointer.status).toBe(1);
    expect(pointer.json()).toMatchObject({ healthy: false, problems: [{ code: "GitLfsPointer" }] });
  });
});

describe("what an adapter's numbers mean", () => {
  const sample = (name: string) => join(projectRoot, "media", "sample", name);

  test("inspect gives findings and what the tensors look like", () => {
    const { adapter } = run("inspect", sample("01-svd"), "--json").json();
    expect(adapter.fingerprint).toMatchObject({ stage: "svd", count: 14, total: 14 });
    expect(adapter.verdicts).toEqual(expect.any(Array));
    expect(run("inspect", sample("01-svd")).stdout).toContain("Looks like: SVD product");
    const untrained = run("inspect", "zero", "--json").json();
    expect(untrained.adapter.verdicts).toMatchObject([
      { code: "Untrained", severity: "warning", moduleCount: 1 },
    ]);
  });

  test("compare tells what happened from each snapshot to the next", () => {
    const paths = [sample("01-svd"), sample("02-rank-reduction"), sample("03-fine-tuning/checkpoint-240")];
    const report = run("compare", ...paths, "--json").json();
    expect(report.paths).toEqual(paths);
    expect(report.steps).toHaveLength(2);
    expect(report.steps[0].sentence).toMatch(/^rank 32 → 4 kept \d+\.\d % of the energy/);
    expect(report.story).toContain("fine-tuning then moved the update by");
    const { stdout } = run("compare", ...paths);
    expect(stdout).toContain(`01-svd → 02-rank-reduction: ${report.steps[0].sentence}`);
  });
});
