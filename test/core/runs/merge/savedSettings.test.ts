import { expect, it } from "vitest";
import { ChartedRun } from "../../../../src/core/runs/merge/chartedRun";
import { LogStore } from "../../../../src/core/runs/merge/logStore";
import { MemoryFiles } from "../../../support/memoryFiles";
import { text } from "../../formats/pickle/latin1";
import { dict, int, torchArchive } from "../../formats/torch/torchPickle";
import { peftCheckpoint } from "../discover/trainerFiles";

const argumentsOf = (seed: number) =>
  torchArchive(
    `ctransformers.training_args\nTrainingArguments\n)\x81${dict({ learning_rate: int(1), output_dir: text("x"), seed: int(seed), hub_token: text("hf_abcdefghijklmnopqrstuvwxyz012345") })}b`,
  );
const paths = ["/ws/out/checkpoint-40", "/ws/out/checkpoint-80"] as const;
const checkpoints = paths.map((path, at) => ({ path, step: 40 * (at + 1) }));
const configOf = async (files: MemoryFiles, logs: readonly { path: string; format: "config" }[] = []) =>
  (await ChartedRun.follow(new LogStore(files), { path: "/ws/out", checkpoints, logs })).head().config;

it("the settings that no log tells are those that were saved with the newest checkpoint", async () => {
  const files = new MemoryFiles({
    ...peftCheckpoint(paths[0], { step: 40 }),
    ...peftCheckpoint(paths[1], { step: 80 }),
    [`${paths[0]}/training_args.bin`]: argumentsOf(1),
    [`${paths[1]}/training_args.bin`]: argumentsOf(2),
    [`${paths[1]}/adapter_config.json`]: '{"r": 16, "target_modules": ["q_proj"]}',
  });
  const config = new Map(await configOf(files));
  expect([...config]).toEqual(
    expect.arrayContaining([
      ["learning_rate", "1"],
      ["seed", "2"],
      ["adapter.r", "16"],
    ]),
  );
  expect(config.get("hub_token")).not.toContain("hf_");
  files.write("/ws/out/hparams.yaml", "lr: 3\n");
  expect(await configOf(files, [{ path: "/ws/out/hparams.yaml", format: "config" }])).toEqual([["lr", "3"]]);
});

it("a checkpoint whose arguments are cut or no pickle leaves them to the one before", async () => {
  const files = new MemoryFiles({
    [`${paths[0]}/training_args.bin`]: argumentsOf(1),
    [`${paths[1]}/training_args.bin`]: argumentsOf(2).subarray(0, 40),
    [`${paths[1]}/adapter_config.json`]: "[",
  });
  expect(new Map(await configOf(files)).get("seed")).toBe("1");
});
