import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ModelJob } from "../../src/core/report/jobs/modelJob";
import type { CallProgress, Tell } from "../../src/protocol/channel";
import { AnalysisPool } from "../../src/worker/analysisPool";
import { makeHandlers } from "../../src/worker/makeHandlers";
import { workerHandlers } from "../../src/worker/workerHandlers";
import { projectRoot } from "../support/projectRoot";

let run = "";
let steps: CallProgress[] = [];
const never = new AbortController().signal;
const analysis = new AnalysisPool();
const tell: Tell = {
  progress: (done, total, label = "") => void steps.push({ done, total, label }),
  chunk: () => {},
};

beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), "make-"));
  steps = [];
  for (const name of ["01-svd", "base"])
    cpSync(join(projectRoot, "media", "sample", name), join(run, name), { recursive: true });
});
afterEach(() => rmSync(run, { recursive: true, force: true }));

function reduce(
  more: { readonly out?: string; readonly replace?: boolean; readonly signal?: AbortSignal } = {},
) {
  const { out = join(run, "02"), replace = false, signal = never } = more;
  const params = {
    ...{ path: join(run, "01-svd"), userStages: [], threads: 1, out, replace, dtype: "BF16" as const },
    options: { rule: { kind: "rank" as const, rank: 4 }, scope: "module" as const },
  };
  return makeHandlers(analysis).reduce(params, signal, tell);
}

describe("reduce", () => {
  it("writes beside the source, tells its progress and what it cost", async () => {
    const before = readFileSync(join(run, "01-svd", "adapter_model.safetensors"));
    const made = await reduce();
    expect(made).toMatchObject({ path: join(run, "02"), rank: "4", moduleCount: 14 });
    expect(made.error).toBeCloseTo(Math.sqrt(1 - made.energyKept), 12);
    expect(readdirSync(join(run, "02")).sort()).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
      "checkpoint-stage.json",
    ]);
    expect(readFileSync(join(run, "01-svd", "adapter_model.safetensors")).equals(before)).toBe(true);
    // Measured, written and read back: three passes over 14 modules.
    expect(steps.map(({ done }) => done)).toEqual(Array.from({ length: 42 }, (_, at) => at));
    expect(steps.every(({ total }) => total === 42)).toBe(true);
  });

  it("leaves nothing behind when it is cancelled", async () => {
    const controller = new AbortController();
    const stopping: Tell = {
      ...tell,
      progress: (done) => {
        if (done === 20) controller.abort();
      },
    };
    const params = {
      ...{
        path: join(run, "01-svd"),
        userStages: [],
        threads: 1,
        out: join(run, "02"),
        replace: false,
      },
      options: { rule: { kind: "rank" as const, rank: 4 }, scope: "module" as const },
    };
    const work = makeHandlers(analysis).reduce(params, controller.signal, stopping);
    await expect(work).rejects.toMatchObject({ name: "AbortError" });
    expect(readdirSync(run).sort()).toEqual(["01-svd", "base"]);
  });

  it("refuses a rule that no form gives", async () => {
    const options = { rule: { kind: "energy" as const, share: Number.NaN }, scope: "module" as const };
    const params = { path: run, userStages: [], threads: 1, out: join(run, "02"), replace: false, options };
    await expect(makeHandlers(analysis).reduce(params, never, tell)).rejects.toMatchObject({
      code: "WrongRule",
    });
  });

  it("never replaces its own source, whatever it is told", async () => {
    const out = join(run, "01-svd");
    await expect(reduce({ out, replace: true })).rejects.toMatchObject({ code: "SourceInPlace" });
    await expect(reduce({ out: join(run, "x.safetensors") })).rejects.toMatchObject({ code: "OutputName" });
    expect(readdirSync(run).sort()).toEqual(["01-svd", "base"]);
  });
});

describe("extract", () => {
  it("says that there is nothing between a model and itself", async () => {
    const base = join(run, "base");
    const params = {
      ...{ base, tuned: base, rule: { kind: "rank" as const, rank: 2 }, saveOthers: false },
      ...{ out: join(run, "new"), replace: false, threads: 1 },
    };
    const work = makeHandlers(analysis).extract(params, never, tell);
    await expect(work).rejects.toMatchObject({ code: "NothingToExtract" });
  });
});

describe("an adapter and its base model", () => {
  it("finds the base beside the run, and holds every update against it", async () => {
    const handlers = workerHandlers();
    const path = join(run, "01-svd");
    const opened = await handlers.open({ location: { kind: "path", path }, userStages: [] }, never, tell);
    const adapter = { handle: opened.handle };
    const base = await handlers.baseModel(
      { adapter, baseFacts: { chosen: undefined, roots: [] } },
      never,
      tell,
    );
    expect(base).toBe(join(run, "base"));
    const params = { base: base ?? "" };
    const byHandle = await handlers.compareWithBase({ ...params, adapter }, never, tell);
    expect(byHandle.modules).toHaveLength(14);
    expect(byHandle.problems).toEqual([]);
    // From torch: norms of the bfloat16 weights in double precision, and of the dense updates in sampleReference.json.
    expect(byHandle.ratio).toBeCloseTo(0.19180784616957627, 9);
    const queries = byHandle.modules.find((each) => each.module === "model.layers.0.self_attn.q_proj");
    expect(queries?.ratio).toBeCloseTo(0.21265865344757973, 9);
    expect(steps).toHaveLength(14);
    expect(await handlers.compareWithBase({ ...params, adapter: { path } }, never, tell)).toEqual(byHandle);
    const module = byHandle.modules[0]?.module ?? "";
    const intruders = await handlers.intruders({ adapter, base: base ?? "", module }, never, tell);
    expect(intruders).toMatchObject({ exact: true });
    expect(intruders.directions).toHaveLength(10);
  });
});

describe("a new model", () => {
  const adapters = () => [{ path: join(run, "01-svd"), weight: 1 }];
  const merging = (): ModelJob => ({ kind: "merge", base: join(run, "base"), adapters: adapters() });
  const target = () => ({
    userStages: [],
    out: join(run, "02-merged"),
    replace: false,
    maxShardBytes: 5e9,
    threads: 1,
  });

  it("is planned before anything is written: what is read, what is written, what will be lost", async () => {
    const plan = await makeHandlers(analysis).planModel({ job: merging(), userStages: [] }, never, tell);
    expect(plan).toMatchObject({
      sources: [{ role: "base" }, { role: "adapter" }],
      dtypes: ["BF16"],
      carried: ["config.json"],
      place: { folder: run, name: "02-merged" },
    });
    const { tensors } = JSON.parse(readHeader(join(run, "base", "model.safetensors")));
    expect(plan.tensors).toBe(Object.keys(tensors).length);
    expect(plan.notes.map(({ message }) => message).join(" ")).toContain("14 modules change 14 weights");
    expect(readdirSync(run).sort()).toEqual(["01-svd", "base"]);
  });

  it("says where it comes from and what rounding took of each module, and reports it", async () => {
    const { path, table, report } = await makeHandlers(analysis).makeModel(
      { job: merging(), ...target() },
      never,
      tell,
    );
    const stage = JSON.parse(readFileSync(join(path, "checkpoint-stage.json"), "utf8"));
    expect(stage).toMatchObject({ stage: "merged", parent: "../01-svd", base: "../base" });
    expect(Object.keys(stage.modules)).toHaveLength(14);
    const worst = Object.values<{ lostShare: number }>(stage.modules).map(({ lostShare }) => lostShare);
    expect(stage.method.worstLostShare).toBe(Math.max(...worst));
    expect(table?.rows).toHaveLength(14);
    for (const module of Object.keys(stage.modules)) expect(report).toContain(module.replaceAll("_", "\\_"));
  });

  it("is not left half-written when it is cancelled", async () => {
    const controller = new AbortController();
    const stopping: Tell = { ...tell, progress: () => controller.abort() };
    const made = makeHandlers(analysis).makeModel(
      { job: merging(), ...target() },
      controller.signal,
      stopping,
    );
    await expect(made).rejects.toThrow();
    expect(readdirSync(run).sort()).toEqual(["01-svd", "base"]);
  });

  it("of equal snapshots is their mean, at no distance from them", async () => {
    cpSync(join(run, "base"), join(run, "copy"), { recursive: true });
    const snapshots = ["base", "copy"].map((name) => ({ path: join(run, name), weight: 1 }));
    const { path, table } = await makeHandlers(analysis).makeModel(
      { job: { kind: "average", snapshots }, ...target() },
      never,
      tell,
    );
    expect(table?.rows.map((cells) => cells[2])).toEqual(["0 %", "0 %"]);
    const name = "model.safetensors";
    // The header's order is the writer's own; the values are the same.
    const values = (folder: string) => readFileSync(join(folder, name)).subarray(-200_000);
    expect(values(path).equals(values(join(run, "base")))).toBe(true);
  });

  it("keeps every byte of a conversion without another dtype", async () => {
    const job: ModelJob = { kind: "convert", source: join(run, "base"), only: "model" };
    const plan = await makeHandlers(analysis).planModel({ job, userStages: [] }, never, tell);
    expect(plan.notes.map(({ message }) => message)).toContain("Every byte of every tensor is kept.");
    const { facts } = await makeHandlers(analysis).makeModel({ job, ...target() }, never, tell);
    expect(facts).toContainEqual({ name: "Values changed", value: "none: every value is what it was" });
  });
});

describe("a new adapter", () => {
  const target = () => ({ userStages: [], replace: false, maxShardBytes: 5e9, threads: 1 });

  it("is the sum of others, planned with what they disagree about", async () => {
    const adapters = [0.5, 0.5].map((weight) => ({ path: join(run, "01-svd"), weight }));
    const job: ModelJob = { kind: "combine", adapters, rank: 32 };
    const plan = await makeHandlers(analysis).planModel({ job, userStages: [] }, never, tell);
    expect(plan.place).toEqual({ folder: run, name: "02-combined" });
    expect(plan.notes[0]?.message).toContain("the sum of 2 adapters, 14 modules");
    const { facts, report } = await makeHandlers(analysis).makeModel(
      { job, ...target(), out: join(run, "sum") },
      never,
      tell,
    );
    expect(facts).toContainEqual({ name: "Rank", value: "32" });
    expect(report).toContain("Wrote the sum of 2 adapters");
  });

  it("has less of the directions that its base has not, and nothing is written where there are none", async () => {
    const adapter = join(run, "01-svd");
    const job: ModelJob = { kind: "intruders", adapter, base: join(run, "base"), scale: 0.5 };
    const plan = await makeHandlers(analysis).planModel({ job, userStages: [] }, never, tell);
    expect(plan).toMatchObject({ place: { folder: run, name: "02-fewer-intruders" }, tensors: 28 });
    expect(plan.sources.map(({ role }) => role)).toEqual(["base", "adapter"]);
    const out = join(run, "calm");
    const make = () => makeHandlers(analysis).makeModel({ job, ...target(), out }, never, tell);
    await expect(make()).rejects.toMatchObject({ code: "NoIntruders" });
    expect(readdirSync(run).sort()).toEqual(["01-svd", "base"]);
    // Many times as strong, its directions are no longer those of the base.
    const settings = join(adapter, "adapter_config.json");
    const config = JSON.parse(readFileSync(settings, "utf8"));
    writeFileSync(settings, JSON.stringify({ ...config, lora_alpha: 100 * config.lora_alpha }));
    const { facts, report } = await make();
    const [, before, after] = /^(\d+) → (\d+)$/.exec(facts[0]?.value ?? "") ?? [];
    expect(Number(before)).toBeGreaterThan(0);
    expect(report).toContain(`scaled by 0.5, ${before} before, ${after} after`);
  });

  it("is another in the names of another program, or refused where that has none for its modules", async () => {
    const planned = (to: "mlx" | "kohya") => {
      const job: ModelJob = { kind: "dialect", source: join(run, "01-svd"), to };
      return makeHandlers(analysis).planModel({ job, userStages: [] }, never, tell);
    };
    await expect(planned("kohya")).rejects.toThrow(/no module of a UNet/);
    const plan = await planned("mlx");
    expect(plan.place.name).toBe("02-mlx");
    const out = join(run, plan.place.name);
    const job: ModelJob = { kind: "dialect", source: join(run, "01-svd"), to: "mlx" };
    const { path } = await makeHandlers(analysis).makeModel({ job, ...target(), out }, never, tell);
    expect(readdirSync(path)).toContain("adapters.safetensors");
  });
});

/** The safetensors header of a file, its tensors under one key. */
function readHeader(path: string): string {
  const bytes = readFileSync(path);
  const { __metadata__: _, ...tensors } = JSON.parse(
    bytes.toString("utf8", 8, 8 + Number(bytes.readBigUInt64LE(0))),
  );
  return JSON.stringify({ tensors });
}
