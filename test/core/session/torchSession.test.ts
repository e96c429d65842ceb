import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { optimizerViews, readOptimizerPage } from "../../../src/core/session/optimizerQuestions";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";
import { fixture } from "../formats/torch/torchFixtures";

const sample = join(projectRoot, "media", "sample", "03-fine-tuning", "checkpoint-240");

function sampleFiles(): MemoryFiles {
  const names = [
    "optimizer.pt",
    "scheduler.pt",
    "rng_state.pth",
    "adapter_model.safetensors",
    "adapter_config.json",
  ];
  const files = names.map((name) => [`/run/${name}`, new Uint8Array(readFileSync(join(sample, name)))]);
  return new MemoryFiles(Object.fromEntries(files));
}

function open(files: MemoryFiles, path: string): Promise<CheckpointSession> {
  return CheckpointSession.open(files, path, () => undefined);
}

/** GLOBAL posix.system, the command, TUPLE1, REDUCE. */
const malicious = new TextEncoder().encode("cposix\nsystem\n(S'touch /tmp/owned'\ntR.");

describe("the sample run's optimizer", () => {
  test("names its parameters after the adapter beside it, and reads their steps", async () => {
    const session = await open(sampleFiles(), "/run/optimizer.pt");
    const [view] = optimizerViews(session);
    expect(view).toMatchObject({ name: "AdamW", parameterCount: 28, namedCount: 28, inferredCount: 28 });
    // exp_avg and exp_avg_sq in F32 for every element, and one step for each parameter.
    expect(view?.stateBytes).toBe((view?.elements ?? 0) * 8 + 28 * 4);
    const { rows, total } = await readOptimizerPage(session, 0, 0);
    expect(total).toBe(28);
    const row = rows.find(({ name }) => name?.endsWith("layers.1.self_attn.q_proj.lora_B.weight"));
    expect(row?.state.find(({ key }) => key === "step")?.value).toBe(240);
    const moment = row?.state.find(({ key }) => key === "exp_avg");
    expect(moment?.dtype).toBe("F32");
    expect(session.checkpoint.tensors.map(({ name }) => name)).toContain(moment?.tensor);
  });

  test("the summary says so, in plain data", async () => {
    const summary = (await open(sampleFiles(), "/run/optimizer.pt")).summary();
    expect(summary).toMatchObject({ kind: "optimizer", hasOptimizer: true, content: { type: "dict" } });
    expect(summary.imports).toMatchObject({ dangerous: 0, unknown: 0 });
    expect(structuredClone(summary)).toEqual(summary);
  });

  test("content comes in pages; a path that leads nowhere is undefined", async () => {
    const session = await open(sampleFiles(), "/run/optimizer.pt");
    const root = session.contentPage([], 0);
    expect(root?.nodes.map(({ key }) => key)).toEqual(["state", "param_groups"]);
    expect(session.contentPage([0], 20)).toMatchObject({ first: 20, total: 28 });
    expect(session.contentPage([0, 0], 0)?.nodes.some(({ tensor }) => tensor === "state.0.exp_avg")).toBe(
      true,
    );
    expect(session.contentPage([7], 0)).toBeUndefined();
    expect(structuredClone(root)).toEqual(root);
  });
});

test("a scheduler is a table of settings", async () => {
  const session = await open(sampleFiles(), "/run/scheduler.pt");
  const [section] = session.settings();
  expect(section?.title).toBe("Scheduler");
  expect(new Map(section?.rows).get("last_epoch")).toBe("240");
});

test("a training file shows its parts as settings", async () => {
  const files = new MemoryFiles({ "/a/training.pt": fixture("training.pt") });
  const session = await open(files, "/a/training.pt");
  const [parts, ...settings] = session.summary().settings ?? [];
  expect(parts?.title).toBe("In the file");
  expect(settings).toEqual(session.settings());
  expect(session.settings().length).toBeGreaterThan(0);
});

test("safetensors have neither content nor imports, and of a checkpoint the optimizer that lies beside them", async () => {
  const session = await open(sampleFiles(), "/run/adapter_model.safetensors");
  const summary = session.summary();
  for (const key of ["content", "imports", "settings"]) expect(summary).not.toHaveProperty(key);
  expect(session.contentPage([], 0)).toBeUndefined();
  expect(optimizerViews(session)).toEqual([]);
  expect(summary.hasOptimizer).toBe(true);
  const holder = await session.optimizerHolder();
  expect(holder.checkpoint.path).toBe("/run/optimizer.pt");
  expect(optimizerViews(holder)).toHaveLength(1);
  const folder = await open(sampleFiles(), "/run");
  expect(optimizerViews(await folder.optimizerHolder())).toEqual(optimizerViews(holder));
});

test("a file that does not stand for its folder has no optimizer but its own", async () => {
  const session = await open(sampleFiles(), "/run/scheduler.pt");
  expect(session.summary()).not.toHaveProperty("hasOptimizer");
  expect(await session.optimizerHolder()).toBe(session);
});

test("a pickle that would run a command is reported, the dangerous import first", async () => {
  const session = await open(new MemoryFiles({ "/a/model.pkl": malicious }), "/a/model.pkl");
  const { imports, problems } = session.summary();
  expect(imports).toMatchObject({ dangerous: 1, total: 1 });
  expect(imports?.findings[0]).toMatchObject({
    global: "posix.system",
    verdict: "dangerous",
    count: 1,
    offset: 0,
  });
  expect(problems.map(({ code }) => code)).toContain("DangerousImport");
});
