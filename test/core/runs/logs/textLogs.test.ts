import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flatYaml } from "../../../../src/core/runs/logs/config/flatYaml";
import { recogniseLog } from "../../../../src/core/runs/logs/logFormats";
import { codesOf, expectEveryCutReads, expectGrowthReads, pointsOf, readLog } from "./readings";

describe("torchtune's log", () => {
  const log =
    "Step 1 | loss:1.9 lr:1e-05 tokens_per_second_per_gpu:500.1 \nnoise\n" +
    "Step 2 | loss:nan lr:2e-05 rewards/mean:x a:b:3 \n";

  it("gives each pair of a step", async () => {
    expect(pointsOf(await readLog("torchtune", log))).toEqual({
      loss: [
        [1, 1.9],
        [2, Number.NaN],
      ],
      learning_rate: [
        [1, 1e-5],
        [2, 2e-5],
      ],
      tokens_per_second_per_gpu: [[1, 500.1]],
      "a:b": [[2, 3]],
    });
  });

  it("is read on as it grows, and gives what comes before a cut", async () => {
    await expectEveryCutReads("torchtune", log);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(log.length), { maxLength: 4 }), (lengths) =>
        expectGrowthReads("torchtune", log, lengths),
      ),
      { numRuns: 40 },
    );
  });

  it("is known by its lines", () => {
    expect(recogniseLog("log_1700000000.txt", new TextEncoder().encode(log))).toBe("torchtune");
  });
});

describe("what the Trainer prints", () => {
  it("has no steps, so that rows are numbered", async () => {
    const read = await readLog(
      "stdout",
      "{'loss': 2.1, 'grad_norm': nan, 'learning_rate': 1e-05, 'epoch': 0.1}\n" +
        "{'eval_loss': 2.0, 'epoch': 0.2}\n",
    );
    expect(pointsOf(read)).toEqual({
      loss: [[1, 2.1]],
      grad_norm: [[1, Number.NaN]],
      learning_rate: [[1, 1e-5]],
      eval_loss: [[2, 2]],
    });
    expect([...(read.points.columns.get("loss")?.epochs ?? [])]).toEqual([0.1]);
    expect(codesOf(read)).toEqual(["LogStepsMissing"]);
  });

  it("says steps by its progress bar, which the evaluation's does not disturb", async () => {
    const read = await readLog(
      "stdout",
      "Map: 100%|██████████| 999/999 [00:01<00:00]\r\n" +
        "  1%|          | 10/1000 [00:10<16:30,  1.00s/it]\r\n{'loss': '2.1', 'epoch': '0.1'}\n" +
        " 50%|█████     | 4/8 [00:01<00:01,  3.00it/s]\r{'eval_loss': 2.5, 'epoch': 0.1}\n" +
        "  2%|▏         | 20/1000 [00:20<16:20,  1.00s/it]\n[INFO|2024] >> {'loss': 1.5, 'epoch': 0.2}\n" +
        "{'train_runtime': 10.5, 'train_loss': 1.8, 'epoch': 0.2}\n{'other': 3}\n",
    );
    expect(pointsOf(read)).toEqual({
      loss: [
        [10, 2.1],
        [20, 1.5],
      ],
      eval_loss: [[10, 2.5]],
    });
    expect(read.facts).toEqual({ maxSteps: 1000 });
    expect(read.summary).toEqual([
      ["train_runtime", 10.5],
      ["train_loss", 1.8],
    ]);
    expect(read.problems).toEqual([]);
  });

  it("is known by its dicts", () => {
    expect(recogniseLog("train.log", new TextEncoder().encode("x\n{'loss': 1.0, 'epoch': 1}\n"))).toBe(
      "stdout",
    );
    expect(recogniseLog("notes.txt", new TextEncoder().encode("nothing of the kind\n"))).toBeUndefined();
  });
});

describe("settings", () => {
  it("are flat keys, nested keys, lists and texts", () => {
    const yaml = [
      "# comment",
      "---",
      "lr: 5.0e-06",
      "name: 'it''s'",
      'quoted: "a: b" # c',
      "empty:",
      "url: http://x/y#z",
      "optimizer:",
      "  name: adam",
      "  betas:",
      "  - 0.9",
      "  - 0.999",
      "modules: [a, b]",
      "args: !!python/object:argparse.Namespace",
      "  depth: 3",
      "text: |",
      "  first line",
      "last: 1",
    ].join("\n");
    expect(flatYaml(yaml)).toEqual([
      ["lr", "5.0e-06"],
      ["name", "it's"],
      ["quoted", "a: b"],
      ["url", "http://x/y#z"],
      ["optimizer.name", "adam"],
      ["optimizer.betas", "0.9, 0.999"],
      ["modules", "[a, b]"],
      ["args.depth", "3"],
      ["text", "first line"],
      ["last", "1"],
    ]);
  });

  it("never throw, whatever the text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const [key, value] of flatYaml(text)) expect(typeof key + typeof value).toBe("stringstring");
      }),
    );
  });

  it("of Lightning may be empty, of wandb are unwrapped, and hold no credentials", async () => {
    expect((await readLog("config", "{}\n")).config).toEqual([]);
    const wandb =
      "wandb_version: 1\n\n_wandb:\n  desc: null\n  value:\n    t: 1\nlr:\n  desc: null\n  value: 0.1\n";
    expect((await readLog("config", wandb)).config).toEqual([["lr", "0.1"]]);
    const read = await readLog("config", "hub_token: hf_abc\npad_token: <pad>\nmax_steps: 70\n");
    expect(read.config).toEqual([
      ["hub_token", "••••••••"],
      ["pad_token", "<pad>"],
      ["max_steps", "70"],
    ]);
    expect(read.facts).toEqual({ maxSteps: 70 });
  });
});

describe("results", () => {
  it("are facts about the whole", async () => {
    const read = await readLog(
      "results",
      '{"epoch": 3.0, "eval_loss": NaN, "train_runtime": 5, "_wandb": {"a": 1}}',
    );
    expect(read.summary).toEqual([
      ["epoch", 3],
      ["eval_loss", Number.NaN],
      ["train_runtime", 5],
    ]);
    expect(pointsOf(read)).toEqual({});
  });

  it("that are cut are told, not shown", async () => {
    expect(await readLog("results", '{"epoch": 3.0,')).toMatchObject({
      summary: [],
      problems: [{ code: "ResultsUnreadable" }],
    });
    expect(codesOf(await readLog("results", "x"))).toEqual(["ResultsUnreadable"]);
  });
});
