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

describe("what a loop prints for people", () => {
  it.each<[string, string, Record<string, [number, number][]>]>([
    [
      "nanoGPT",
      "step 250: train loss 2.5, val loss 2.6\niter 260: loss 2.4, time 50.22ms, mfu 10.1%\n",
      { train_loss: [[250, 2.5]], val_loss: [[250, 2.6]], loss: [[260, 2.4]], mfu: [] },
    ],
    [
      "PyTorch's ImageNet",
      "Epoch: [0][  10/500]\tTime  0.3 ( 0.5)\tLoss 6.9e+00 (7.0e+00)\tAcc@1   0.50 (  0.10)\nEpoch: [1][  10/500]\tTime  0.3 ( 0.5)\tLoss 5.5e+00 (6.0e+00)\tAcc@1   1.50 (  0.10)\n",
      {
        loss: [
          [10, 6.9],
          [510, 5.5],
        ],
        "Acc@1": [
          [10, 0.5],
          [510, 1.5],
        ],
      },
    ],
    [
      "a course",
      "Epoch [1/5], Step [100/600], Loss: 0.5\nEpoch [2/5], Step [100/600], Loss: 0.25\n",
      {
        loss: [
          [100, 0.5],
          [700, 0.25],
        ],
      },
    ],
    [
      "a tutorial",
      "Epoch 1/10 | Train Loss: 0.75 | Val Loss: 0.5 | Val Acc: 81.5%\nEpoch 2/10 | Train Loss: 0.5 | Val Loss: 0.25 | Val Acc: 82.5%\n",
      {
        train_loss: [
          [1, 0.75],
          [2, 0.5],
        ],
        val_loss: [
          [1, 0.5],
          [2, 0.25],
        ],
        val_acc: [
          [1, 81.5],
          [2, 82.5],
        ],
      },
    ],
    [
      "a GAN",
      "[Epoch 0/200] [Batch 10/938] [D loss: 0.5] [G loss: 1.25]\n",
      { D_loss: [[10, 0.5]], G_loss: [[10, 1.25]] },
    ],
    [
      "DCGAN",
      "[1/25][50/782] Loss_D: 0.5 Loss_G: 2.25 D(x): 0.625 D(G(z)): 0.125 / 0.05\n",
      { Loss_D: [[50, 0.5]], Loss_G: [[50, 2.25]], "D(x)": [[50, 0.625]], "D(G(z))": [[50, 0.125]] },
    ],
    [
      "timm",
      "Train: 0 [  50/1251 (  4%)]  Loss: 6.9 (6.9)  Time: 0.5s,  512.0/s  LR: 1.000e-05  Data: 0.1\n",
      { loss: [[50, 6.9]], learning_rate: [[50, 1e-5]] },
    ],
    [
      "OpenNMT",
      "[2024-01-01 10:00:00,000 INFO] Step 50/100000; acc: 20.5; ppl: 99.5; xent: 4.5; lr: 0.001; bsz: 100/100/1; 1000/1000 tok/s; 5 sec;\n[2024-01-01 10:00:00,000 INFO] Validation perplexity: 12.5\n",
      { acc: [[50, 20.5]], ppl: [[50, 99.5]], xent: [[50, 4.5]], validation_perplexity: [[50, 12.5]] },
    ],
    [
      "ESPnet",
      "[host] 2024-01-01 (trainer:737) INFO: 1epoch:train:1-50batch: loss=4.5, grad_norm=10.2\n[host] INFO: 1epoch results: [train] loss=4.0, acc=0.5, total_count=100, [valid] loss=4.25, acc=0.625, total_count=10\n",
      { loss: [[1, 4]], acc: [[1, 0.5]], valid_loss: [[1, 4.25]], valid_acc: [[1, 0.625]] },
    ],
    [
      "Coqui",
      "\u001b[1m   --> STEP: 25/100 -- GLOBAL_STEP: 1025\u001b[0m\n     | > loss: 1.5  (1.75)\n     | > current_lr: 0.001 \n",
      { loss: [[1025, 1.5]], current_lr: [] },
    ],
    [
      "Keras",
      "Epoch 1/3\n 10/100 [==>....] - ETA: 9s - loss: 0.9\r100/100 [=====] - 5s 50ms/step - loss: 0.5 - val_loss: 0.75\nEpoch 2/3\n100/100 [=====] - 5s 50ms/step - loss: 0.25 - val_loss: 0.5\n",
      {
        loss: [
          [1, 0.5],
          [2, 0.25],
        ],
        val_loss: [
          [1, 0.75],
          [2, 0.5],
        ],
      },
    ],
    [
      "PaddleSeg",
      "2024-01-01 10:00:00 [INFO]\t[TRAIN] epoch: 1, iter: 10/2000, loss: 1.5, lr: 0.01, ips: 10.0 samples/sec | ETA 00:10:00\n2024 [INFO]\t[EVAL] #Images: 500 mIoU: 0.55 Acc: 0.9\n",
      { loss: [[10, 1.5]], eval_mIoU: [[10, 0.55]], eval_acc: [[10, 0.9]] },
    ],
    [
      "YOLOX",
      "2024 | INFO | epoch: 2/300, iter: 10/924, gpu mem: 6304Mb, iter_time: 0.4s, total_loss: 15.5, iou_loss: 4.5, lr: 1.0e-08, size: 640, ETA: 1:00:00\n",
      { total_loss: [[10, 15.5]], iou_loss: [[10, 4.5]] },
    ],
    [
      "Detectron2",
      "[01/01 10:00:00 d2.utils.events]:  eta: 0:30:00  iter: 19  total_loss: 1.5  loss_cls: 0.05  time: 0.2  lr: 0.01  max_mem: 100M\n",
      { total_loss: [[19, 1.5]], loss_cls: [[19, 0.05]], learning_rate: [[19, 0.01]] },
    ],
    ["MNIST", "Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.25\n", { loss: [[1, 2.25]] }],
    [
      "DETR",
      '{"train_lr": 0.0001, "train_loss": 9.5, "test_coco_eval_bbox": [0.1, 0.2], "epoch": 3}\n',
      { train_loss: [[3, 9.5]] },
    ],
    [
      "fairseq",
      '2024 | INFO | train_inner | {"epoch": 1, "update": 0.1, "loss": "4.5", "num_updates": "100", "lr": "0.0005"}\n',
      { loss: [[100, 4.5]], update: [[100, 0.1]] },
    ],
  ])("is read: %s", async (_, log, expected) => {
    const read = await readLog("stdout", log);
    expect(recogniseLog("train.log", new TextEncoder().encode(log))).toBeDefined();
    const points = pointsOf(read);
    for (const [name, values] of Object.entries(expected))
      if (values.length > 0) expect(points[name], name).toEqual(values);
    expect(Object.keys(points).filter((name) => /eta|ETA|count|iter$|epoch|step$/i.test(name))).toEqual([]);
  });

  it.each([
    "Epoch 5 finished, the best loss: 0.4 was in epoch 3",
    "Epoch 00003: val_loss improved from 0.61 to 0.55, saving model to /x/y-0.55.h5",
    "Early stopping at step 500: no loss below 0.3 since 20 steps",
    "Namespace(epochs=100, lr=0.1, loss='ce', step=30)",
    "epochs: 100, batch size: 32, learning rate: 0.1",
    "Loaded checkpoint at step 1000 with score 5 of 10",
    "In step 3 we computed a loss. 5 samples were left",
    "Reader accuracy is 3 times higher; see section 4: loss 5",
  ])("is no prose with numbers in it: %s", async (line) => {
    expect(pointsOf(await readLog("stdout", `${line}\n`))).toEqual({});
    expect(recogniseLog("train.log", new TextEncoder().encode(`${line}\n`))).toBeUndefined();
  });

  it("is read on as it grows", async () => {
    const log = "Epoch [1/5], Step [100/600], Loss: 0.5\nx\nEpoch [2/5], Step [100/600], Loss: 0.25\n";
    await expectEveryCutReads("stdout", log);
    expect(codesOf(await readLog("stdout", log))).toEqual(["LogStepsCounted"]);
  });

  // Each of these once took from half a second to minutes, for one line: the limit of the test is the assertion.
  it.each([
    ["spaces", `step${" ".repeat(1900)}1x loss: 1`],
    ["digits", `loss: ${"1".repeat(1900)}e`],
    ["numbers", `loss: ${"12 ".repeat(600)}`],
    ["words", `loss: ${"avg ".repeat(480)}1`],
    ["sections", "[val] ".repeat(320).concat("loss 1")],
  ])("has no line that takes long to read: %s", async (_, line) => {
    const lines = `${line}\n`.repeat(500);
    expect(pointsOf(await readLog("stdout", `${lines}Epoch 1/2, step 7: loss 0.5\n`)).loss?.at(-1)).toEqual([
      7, 0.5,
    ]);
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
    const detectron2 = "SOLVER:\n  BASE_LR: 0.02\n  MAX_ITER: 90000\nVERSION: 2\n";
    expect((await readLog("config", detectron2)).facts).toEqual({ maxSteps: 90_000 });
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
