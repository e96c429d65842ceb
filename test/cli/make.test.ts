import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { projectRoot } from "../support/projectRoot";
import { cliFolder, floats } from "./cliFolder";

/** What the command line writes: reduced and extracted adapters. */
const { run, folder } = cliFolder();

describe("extract", () => {
  test("finds the adapter between two models, whose update is their difference", () => {
    // Base 0, tuned [[3, 0], [0, 1]]: rank 1 holds 9 of the 10 of the energy.
    const write = (name: string, values: readonly number[]) => {
      const tensors = [{ name: "model.layers.0.q_proj.weight", dtype: "F32", shape: [2, 2] }];
      mkdirSync(join(folder, name), { recursive: true });
      const file = safetensorsFile({ tensors, data: floats(...values) });
      writeFileSync(join(folder, name, "adapter_model.safetensors"), file);
    };
    write("base", [0, 0, 0, 0]);
    write("tuned", [3, 0, 0, 1]);
    const { status, json } = run("extract", "base", "tuned", "--rank", "1", "--out", "extracted", "--json");
    expect(status).toBe(0);
    const report = json();
    expect(report.energyKept).toBeCloseTo(0.9, 6);
    expect(report.error).toBeCloseTo(Math.sqrt(0.1), 6);
    expect(report.modules).toMatchObject([{ module: "model.layers.0.q_proj", rank: 1 }]);
    const { adapter, stage } = run("inspect", "extracted", "--json").json();
    expect(adapter.modules[0].frobenius).toBeCloseTo(3, 5);
    expect(stage).toEqual({ name: "svd", source: "stage-file" });
    const again = run("extract", "base", "tuned", "--rank", "1", "--out", "tuned", "--replace", "--json");
    expect(again.status).toBe(1);
    expect(again.json().problems).toMatchObject([{ code: "SourceInPlace" }]);
    const nothing = run("extract", "base", "base", "--energy", "0.9", "--out", "none", "--json");
    expect(nothing.json().problems).toMatchObject([{ code: "NothingToExtract" }]);
  });
});

describe("reduce", () => {
  const svd = join(projectRoot, "media", "sample", "01-svd");

  test("writes an adapter of lower rank whose error is the energy that was cut", () => {
    const { status, json } = run("reduce", svd, "--rank", "4", "--out", "reduced", "--json");
    expect(status).toBe(0);
    // The sample's own rank-4 cut of the same adapter, made with numpy, is the best there is (Eckart-Young).
    const cut = run(
      "compare",
      "reduced",
      join(projectRoot, "media", "sample", "02-rank-reduction"),
      "--json",
    ).json();
    for (const { snapshots, pairs } of cut.modules) {
      expect(snapshots.map(({ rank }: { rank: number }) => rank)).toEqual([4, 4]);
      expect(pairs[0].relativeChange).toBeLessThan(1e-5);
    }
    const report = json();
    expect(report.error).toBeCloseTo(Math.sqrt(1 - report.energyKept), 12);
    // The version that is installed, not one that somebody typed in.
    const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));
    const stage = JSON.parse(readFileSync(join(folder, "reduced", "checkpoint-stage.json"), "utf8"));
    expect(stage.createdBy).toBe(`checkpoint-explorer ${version}`);
  });

  const ranksBy = (...rule: string[]): number[] => {
    const { status, json } = run("reduce", svd, ...rule, "--out", "by-rule", "--replace", "--json");
    expect(status).toBe(0);
    return json().modules.map(({ rank }: { rank: number }) => rank);
  };

  test("goes by kohya's rules too, up to a limit, and with one rank for all", () => {
    // √Σσ² of a share is Σσ² of its square.
    const byNorm = ranksBy("--sv-fro", "0.9");
    expect(byNorm).toEqual(ranksBy("--energy", "0.81"));
    expect(new Set(byNorm).size).toBeGreaterThan(1);
    expect(ranksBy("--sv-fro", "0.9", "--kohya-plus-one")).toEqual(byNorm.map((rank) => rank + 1));
    expect(ranksBy("--sv-fro", "0.9", "--max-rank", "3")).toEqual(byNorm.map((rank) => Math.min(3, rank)));
    expect(new Set(ranksBy("--sv-fro", "0.9", "--uniform")).size).toBe(1);
    // Σσ grows more slowly than Σσ², and no value is above the largest.
    const bySum = ranksBy("--sv-cumulative", "0.9");
    expect(bySum.every((rank, at) => rank >= (byNorm[at] ?? 0))).toBe(true);
    expect(Math.max(...ranksBy("--sv-ratio", "1"))).toBe(1);
  });

  test("never writes over what is there unless told to", () => {
    const again = run("reduce", svd, "--rank", "2", "--out", "reduced", "--json");
    expect(again.status).toBe(1);
    expect(again.json().problems).toMatchObject([{ code: "Exists" }]);
    expect(run("inspect", "reduced", "--json").json().adapter.rank).toBe(4);
    expect(run("reduce", svd, "--rank", "2", "--out", "reduced", "--replace").status).toBe(0);
    expect(run("inspect", "reduced", "--json").json().adapter.rank).toBe(2);
  });
});

describe("combine, convert and intruders", () => {
  const svd = join(projectRoot, "media", "sample", "01-svd");
  const normsOf = (path: string): readonly number[] =>
    run("inspect", path, "--json")
      .json()
      .adapter.modules.map(({ frobenius }: { frobenius: number }) => frobenius);

  test("the sum of an adapter and itself taken away twice is itself negated, in any dialect", () => {
    const planned = run("combine", `${svd}:1`, `${svd}:-2`, "--dry-run", "--json").json();
    expect(planned).toMatchObject({ dryRun: true, dialect: "peft", cosines: [{ a: 0, b: 1 }] });
    expect(planned.cosines[0].cosine).toBeCloseTo(-1, 9);
    const sum = run("combine", `${svd}:1`, `${svd}:-2`, "--out", "sum", "--json");
    expect(sum.status).toBe(0);
    expect(sum.json()).toMatchObject({ readBack: true });
    expect(sum.json().error).toBeCloseTo(0, 6);
    expect(run("convert", "sum", "--to", "mlx", "--out", "sum-mlx", "--json").status).toBe(0);
    const [before, after] = [normsOf(svd), normsOf("sum-mlx")];
    expect(after).toHaveLength(before.length);
    for (const [at, norm] of before.entries()) expect(after[at]).toBeCloseTo(norm, 4);
    expect(run("combine", svd, "--out", "sum", "--json").json().problems).toMatchObject([{ code: "Exists" }]);
    expect(run("convert", "sum", "--to", "gguf", "--out", "x").status).toBe(2);
  });

  test("intruders are told before anything is written, and none are no reason to write", () => {
    const base = join(projectRoot, "media", "sample", "base");
    const found = run("intruders", svd, "--base", base, "--dry-run", "--json");
    expect(found.status).toBe(0);
    expect(found.json().modules.length).toBeGreaterThan(0);
    expect(run("intruders", svd, "--out", "x").status).toBe(2);
    expect(run("intruders", svd, "--base", base, "--scale", "2", "--out", "x").status).toBe(2);
  });
});

describe.skipIf(process.platform === "win32")("stopped in the middle", () => {
  const names = Array.from({ length: 12 }, (_, layer) => `model.layers.${layer}.q_proj.weight`);
  const tensors = names.map((name) => ({ name, dtype: "F32", shape: [256, 256] }));

  /** Ends an extraction while it writes. */
  async function stop(out: string, signal: NodeJS.Signals) {
    for (const [name, factor] of [
      ["long-base", 0],
      ["long-tuned", 1],
    ] as const) {
      mkdirSync(join(folder, name), { recursive: true });
      const values = Float32Array.from({ length: 12 * 256 * 256 }, (_, at) => factor * Math.sin(at * at));
      const data = new Uint8Array(values.buffer);
      writeFileSync(join(folder, name, "model.safetensors"), safetensorsFile({ tensors, data }));
    }
    const args = ["extract", "long-base", "long-tuned", "--rank", "64", "--out", out, "--json"];
    const child = spawn(process.execPath, [inject("cliFile"), ...args], { cwd: folder });
    let printed = "";
    child.stdout.on("data", (text) => {
      printed += String(text);
    });
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    const left = () => readdirSync(folder).filter((name) => name.startsWith(`${out}.`));
    await expect.poll(() => left().length, { timeout: 20_000, interval: 5 }).toBe(1);
    child.kill(signal);
    return { status: await ended, printed, left: left() };
  }

  test("by Ctrl-C it leaves nothing behind", async () => {
    const { status, printed, left } = await stop("stopped", "SIGINT");
    expect(status).toBe(130);
    expect(JSON.parse(printed).problems).toMatchObject([{ code: "Cancelled" }]);
    expect(left).toEqual([]);
    expect(readdirSync(folder)).not.toContain("stopped");
  });

  test("by kill -9 it leaves what nobody takes for a result", async () => {
    const { left } = await stop("killed", "SIGKILL");
    const [name = ""] = left;
    const file = safetensorsFile({ tensors: [{ name: "w", dtype: "F32", shape: [1] }], data: floats(1) });
    writeFileSync(join(folder, name, "adapter_model.safetensors"), file);
    expect(run("runs", ".").stdout).not.toContain("killed");
    expect(run("inspect", name, "--json").json().problems).toMatchObject([{ code: "IncompleteCheckpoint" }]);
  });
});

describe("average", () => {
  test("takes the last snapshots of a run, as an exponential moving average", () => {
    for (const step of [10, 20, 30]) {
      const path = join(folder, "run", `checkpoint-${step}`);
      mkdirSync(path, { recursive: true });
      const tensors = [{ name: "w", dtype: "F32", shape: [2] }];
      writeFileSync(
        join(path, "model.safetensors"),
        safetensorsFile({ tensors, data: floats(step, 2 * step) }),
      );
      const history = [10, 20, 30]
        .filter((each) => each <= step)
        .map((each) => ({ step: each, loss: 1 / each }));
      const state = { global_step: step, max_steps: 30, log_history: history };
      writeFileSync(join(path, "trainer_state.json"), JSON.stringify(state));
    }
    expect(run("average", "run", "--last", "3", "--dry-run", "--json").json()).toMatchObject({
      ...{ dryRun: true, tensorCount: 1, bytes: 8, takenFromFirst: 0 },
      snapshots: [{}, {}, {}],
    });
    // What begins with a dash is a number here, and no flag.
    expect(run("average", "run", "--last", "2", "--weights", "-1,2", "--dry-run").status).toBe(0);
    const { status } = run("average", "run", "--last", "2", "--ema", "0.75", "--out", "mean", "--json");
    expect(status).toBe(0);
    const bytes = readFileSync(join(folder, "mean", "model.safetensors"));
    // ¾ · 20 + ¼ · 30, and twice that.
    expect([...new Float32Array(new Uint8Array(bytes.subarray(-8)).buffer)]).toEqual([22.5, 45]);
    expect(run("average", "run", "--last", "4", "--out", "more").status).toBe(2);
    expect(run("average", "run", "--last", "2", "--ema", "1", "--out", "more").status).toBe(2);
  });
});
