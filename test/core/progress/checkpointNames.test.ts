import { describe, expect, it } from "vitest";
import { parseStageFileName, parseStepFolder } from "../../../src/core/progress/checkpointNames";

describe("parseStepFolder", () => {
  it.each([
    ["checkpoint-500", { step: 500, temporary: false }],
    ["tmp-checkpoint-500", { step: 500, temporary: true }],
    ["checkpoint_10", { step: 10, temporary: false }],
    ["global_step10", { step: 10, temporary: false }],
    ["iter_0000100", { step: 100, temporary: false }],
    ["step_20", { step: 20, temporary: false }],
    ["step0020", { step: 20, temporary: false }],
    ["epoch_0", { epoch: 0, temporary: false }],
  ])("%s", (name, moment) => {
    expect(parseStepFolder(name)).toEqual(moment);
  });

  it.each([
    "checkpoint-best",
    "checkpoint-500-copy",
    "checkpoint",
    "checkpoint--5",
    "checkpoint-1.5",
    "",
    "500",
  ])("%s is none", (name) => {
    expect(parseStepFolder(name)).toBeUndefined();
  });

  it("counts accelerate's saves, which are no steps", () => {
    expect(parseStepFolder("checkpoint_3", true)).toEqual({ index: 3, temporary: false });
    expect(parseStepFolder("step_3", true)).toEqual({ step: 3, temporary: false });
  });

  it("ignores numbers that are no step", () => {
    expect(parseStepFolder(`checkpoint-${"9".repeat(400)}`)).toBeUndefined();
  });
});

describe("parseStageFileName", () => {
  it.each([
    ["my-lora-000003.safetensors", { series: "my-lora", epoch: 3 }],
    ["my-lora-step00000500.safetensors", { series: "my-lora", step: 500 }],
    ["my-lora.safetensors", {}],
    ["0000100_adapters.safetensors", { step: 100 }],
    ["epoch=9-step=5000.ckpt", { step: 5000, epoch: 9 }],
    ["epoch=9-step=5000-v1.ckpt", { step: 5000, epoch: 9 }],
    ["transient_epoch=771.ckpt", { epoch: 771 }],
    ["ep20-hidden_size64epoch=03-val_loss=0.25.ckpt", { epoch: 3, metrics: [["val_loss", 0.25]] }],
    ["val_loss_epoch=0.25.ckpt", { metrics: [["val_loss_epoch", 0.25]] }],
    ["rl_model_160000_steps.zip", { step: 160_000 }],
    ["model_step_500.pt", { step: 500 }],
    ["ckpt_epoch_3.pth", { epoch: 3 }],
    ["iter-100.pt", { step: 100 }],
    ["last.ckpt", {}],
    ["my_char_000000250.safetensors", { series: "my_char", step: 250 }],
    ["header_len_100000001.safetensors", {}],
    ["2024-05-01_12-00-00-save-250-1-30.safetensors", { step: 250, epoch: 1 }],
    ["checkpoint_0010.pth.tar", { index: 10 }],
    ["model_best.pth.tar", {}],
    ["3epoch.pth", { epoch: 3 }],
    ["network-snapshot-000200.pkl", { index: 200 }],
    ["epoch=3-train_loss=0.69.ckpt", { epoch: 3, metrics: [["train_loss", 0.69]] }],
    ["epoch=03-step=40-val_loss=1.5e-3-v1.ckpt", { step: 40, epoch: 3, metrics: [["val_loss", 0.0015]] }],
    ["net_epoch_3_val_acc_0.91.pth", { epoch: 3, metrics: [["val_acc", 0.91]] }],
    ["stepwise.pt", {}],
    ["two-steps.pt", {}],
  ])("%s", (name, moment) => {
    expect(parseStageFileName(name)).toEqual(moment);
  });
});
