import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { type Shapes, weights } from "../../support/healthOf";
import { ggufFile } from "../../support/made/ggufFile";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";
import { dict, floatBytes, floats, torchArchive } from "../formats/torch/torchPickle";
import {
  bytesAt,
  checkOf,
  folderInMemory,
  resumeOf,
  sampleCheckpoint,
  sampleFile,
  trainingFixtures,
  verdicts,
} from "./resumeFiles";

const folder = "/run/checkpoint-240";

test("a training that made all planned steps is finished, not something to resume", async () => {
  const report = await resumeOf(sampleCheckpoint(), folder);
  expect(report.answer).toBe("finished");
  expect(report.sentence).toMatch(/^Finished: step 240 of 240, no planned step is left/);
});

test("a whole checkpoint of the sample run: yes, and every part says why", async () => {
  const middle = folderInMemory(
    join(projectRoot, "media", "sample", "03-fine-tuning", "checkpoint-120"),
    "/run/checkpoint-120",
  );
  const report = await resumeOf(middle, "/run/checkpoint-120");
  expect(report.answer).toBe("yes");
  expect(report.sentence).toMatch(/^Yes from step 120/);
  expect(verdicts(report)).toEqual({
    Parameters: "ok",
    "Optimizer state": "ok",
    "Optimizer fits the parameters": "ok",
    Schedule: "ok",
    "Random state": "ok",
    Progress: "ok",
    "Steps agree": "ok",
  });
  expect(checkOf(report, "Optimizer fits the parameters")?.reason).toMatch(/All 28 parameters/);
  expect(checkOf(report, "Steps agree")?.reason).toMatch(
    /trainer_state\.json, the folder's name, optimizer\.pt and scheduler\.pt say step 120/,
  );
  expect(structuredClone(report)).toEqual(report);
});

test.each([
  [
    480,
    /^Finished: a callback, such as early stopping, ended the training at step 240 of 480\. Resuming goes on against that, and is possible/,
  ],
  // The Trainer sets the switch at its last step, too.
  [240, /^Finished: step 240 of 240/],
])("early stopping of %d planned steps is told", async (planned, sentence) => {
  const files = sampleCheckpoint();
  const state = JSON.parse(new TextDecoder().decode(sampleFile("trainer_state.json")));
  const control = { args: { should_training_stop: true }, attributes: {} };
  const changed = { ...state, max_steps: planned, stateful_callbacks: { TrainerControl: control } };
  files.write(`${folder}/trainer_state.json`, JSON.stringify(changed));
  expect((await resumeOf(files, folder)).sentence).toMatch(sentence);
});

test("what Megatron's ranks share is judged with its folder", async () => {
  const files = new MemoryFiles({
    "/run/iter_0000100/common.pt": torchArchive(
      dict({ checkpoint_version: "G@\x08\x00\x00\x00\x00\x00\x00", iteration: "Kd", optimizer: "}" }),
    ),
  });
  const report = await resumeOf(files, "/run/iter_0000100/common.pt");
  expect(verdicts(report)).toEqual({ Parameters: "unknown" });
  expect(checkOf(report, "Parameters")?.reason).toMatch(/^common\.pt is what all ranks .* share/);
});

test("a program that was frozen has its weights among its constants", async () => {
  const files = new MemoryFiles({
    "/m/frozen.pt": bytesAt(projectRoot, "test", "fixtures", "torch", "frozen.pt"),
  });
  const report = await resumeOf(files, "/m/frozen.pt");
  expect(checkOf(report, "Parameters")?.reason).toMatch(/^frozen\.pt is whole: [1-9]/);
  expect(report.answer).toBe("weights-only");
});

test("any of its files may be the one that is open", async () => {
  for (const name of ["adapter_model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth"]) {
    expect(await resumeOf(sampleCheckpoint(), `${folder}/${name}`)).toEqual(
      await resumeOf(sampleCheckpoint(), folder),
    );
  }
});

test.each([
  [/^The folder's name says step 5/, undefined],
  [/^global_step in custom_checkpoint_0\.pkl: step 5, epoch 1/, { epoch: "K\x01", global_step: "K\x05" }],
])("accelerate's progress is what a training registers, and no count of batches: %s", async (reason, own) => {
  const at = "/run/checkpoints/step_5";
  const moments = dict({ step: floats("s", 1), exp_avg: floats("m", 2) });
  const optimizer = dict({
    state: `}(K\x00${moments}u`,
    param_groups: `](${dict({ lr: "G?PbM\xd2\xf1\xa9\xfc", params: "](K\x00e" })}e`,
  });
  const files = new MemoryFiles({
    [`${at}/pytorch_model.bin`]: torchArchive(dict({ weight: floats("w", 2) }), { w: floatBytes(1, 2) }),
    [`${at}/optimizer.bin`]: torchArchive(optimizer, { s: floatBytes(5), m: floatBytes(1, 2) }),
    [`${at}/random_states_0.pkl`]: torchArchive(dict({ step: "K\x00", random_state: "K\x01" })),
    ...(own === undefined ? {} : { [`${at}/custom_checkpoint_0.pkl`]: torchArchive(dict(own)) }),
  });
  const report = await resumeOf(files, at);
  files.write(`${at}/custom_checkpoint_0.pkl`, torchArchive(dict({})).slice(0, 60));
  expect((await resumeOf(files, at)).sentence).toMatch(/^No: custom_checkpoint_0\.pkl is cut/);
  expect(report.sentence).toMatch(/^Yes from step 5/);
  expect(checkOf(report, "Progress")?.reason).toMatch(reason);
  expect(checkOf(report, "Steps agree")?.verdict).toBe("ok");
});

test("no tensor is read but steps: 8 MB of moments and weights stay where they are", async () => {
  const million = 1_000_000;
  const moments = (key: string) => dict({ step: floats(`${key}s`, 1), exp_avg: floats(`${key}m`, million) });
  const optimizer = dict({
    state: `}(K\x00${moments("a")}u`,
    param_groups: `](${dict({ lr: "G?PbM\xd2\xf1\xa9\xfc", params: "](K\x00e" })}e`,
  });
  const files = new MemoryFiles({
    "/run/checkpoint-7/optimizer.pt": torchArchive(optimizer, {
      as: floatBytes(7),
      am: new Uint8Array(4 * million),
    }),
    "/run/checkpoint-7/model.pt": torchArchive(dict({ weight: floats("w", million) }), {
      w: new Uint8Array(4 * million),
    }),
  });
  const report = await resumeOf(files, "/run/checkpoint-7");
  expect(checkOf(report, "Optimizer fits the parameters")?.verdict).toBe("ok");
  expect(checkOf(report, "Steps agree")?.reason).toBe("The folder's name and optimizer.pt say step 7.");
  expect(files.counts.bytesRead).toBeLessThan(500_000);
});

describe("what speaks against it", () => {
  const cases: readonly (readonly [
    what: string,
    change: (files: ReturnType<typeof sampleCheckpoint>) => void,
    answer: string,
    sentence: RegExp,
  ])[] = [
    [
      "optimizer.pt is cut",
      (files) => files.write(`${folder}/optimizer.pt`, sampleFile("optimizer.pt").slice(0, 60_000)),
      "no",
      /^No: optimizer\.pt is cut at byte 60,000: the archive has no directory/,
    ],
    [
      "the adapter is cut",
      (files) =>
        files.write(
          `${folder}/adapter_model.safetensors`,
          sampleFile("adapter_model.safetensors").slice(0, -9),
        ),
      "no",
      /^No: adapter_model\.safetensors is cut/,
    ],
    [
      "scheduler.pt is empty",
      (files) => files.write(`${folder}/scheduler.pt`, ""),
      "no",
      /^No: scheduler\.pt cannot be loaded/,
    ],
    [
      "trainer_state.json is half-written",
      (files) => files.write(`${folder}/trainer_state.json`, sampleFile("trainer_state.json").slice(0, 4000)),
      "no",
      /^No: trainer_state\.json cannot be loaded/,
    ],
    [
      "optimizer.pt is missing",
      (files) => files.remove(`${folder}/optimizer.pt`),
      "weights-only",
      /^Finished: step 240 of 240\. Only the weights/,
    ],
    [
      "there are no parameters",
      (files) => {
        files.remove(`${folder}/adapter_model.safetensors`);
        files.remove(`${folder}/adapter_config.json`);
      },
      "no",
      /^No: checkpoint-240 holds no parameters/,
    ],
    [
      "random state and schedule are missing",
      (files) => {
        files.remove(`${folder}/rng_state.pth`);
        files.remove(`${folder}/scheduler.pt`);
      },
      "partly",
      /^Finished: step 240 of 240, .* it can go on, but not exactly: schedule missing, .*; random state missing/,
    ],
    [
      "the optimizer is that of another model",
      (files) => files.write(`${folder}/optimizer.pt`, bytesAt(trainingFixtures, "adam8bit.pt")),
      "no",
      /^No: optimizer\.pt belongs to other parameters/,
    ],
    [
      "a shard is missing",
      (files) => {
        files.remove(`${folder}/adapter_model.safetensors`);
        files.write(`${folder}/model-00001-of-00002.safetensors`, sampleFile("adapter_model.safetensors"));
      },
      "no",
      /^No: 1 of 2 shards are missing: model-00002-of-00002\.safetensors/,
    ],
  ];

  test.each(cases)("%s", async (_, change, answer, sentence) => {
    const files = sampleCheckpoint();
    change(files);
    const report = await resumeOf(files, folder);
    expect(report.sentence).toMatch(sentence);
    expect(report.answer).toBe(answer);
  });
});

describe("parts of different moments", () => {
  test("a schedule of step 60 beside an optimizer of step 240", async () => {
    const files = sampleCheckpoint();
    files.write(`${folder}/scheduler.pt`, sampleFile("scheduler.pt", "checkpoint-60"));
    const report = await resumeOf(files, folder);
    expect(report.answer).toBe("partly");
    expect(checkOf(report, "Steps agree")).toMatchObject({
      verdict: "warning",
      reason: expect.stringMatching(/say step 240, but scheduler\.pt says 60/),
    });
    expect(checkOf(report, "Schedule")?.reason).toMatch(/at a learning rate of .*, the optimizer at /);
  });

  test("a folder that was renamed", async () => {
    const files = sampleCheckpoint();
    for (const name of ["adapter_model.safetensors", "optimizer.pt", "trainer_state.json"]) {
      files.write(`/run/checkpoint-300/${name}`, sampleFile(name));
    }
    const report = await resumeOf(files, "/run/checkpoint-300");
    expect(checkOf(report, "Steps agree")?.reason).toMatch(/the folder's name says 300/);
  });
});

describe("random states of several processes", () => {
  test("all there, and one missing", async () => {
    const files = sampleCheckpoint();
    files.remove(`${folder}/rng_state.pth`);
    for (const rank of [0, 1, 3, 2])
      files.write(`${folder}/rng_state_${rank}.pth`, sampleFile("rng_state.pth"));
    const whole = await resumeOf(files, folder);
    expect(checkOf(whole, "Random state")).toEqual({
      what: "Random state",
      verdict: "ok",
      reason: "rng_state_0.pth to rng_state_3.pth: 4 processes.",
    });
    files.remove(`${folder}/rng_state_2.pth`);
    const lacking = await resumeOf(files, folder);
    expect(lacking.answer).toBe("partly");
    expect(checkOf(lacking, "Random state")?.reason).toMatch(/^3 of 4 processes: rank 2 is missing/);
  });
});

describe("models in folders of their own, as scripts on accelerate save them", () => {
  const unet = { conv: [8], bias: [3] };
  const model = (path: string, shapes: Shapes) => ({ [`/run/checkpoint-9/${path}`]: weights(shapes) });
  const moments = (key: string, count: number) =>
    dict({ step: floats("s", 1), exp_avg: floats(key, count), exp_avg_sq: floats(key, count) });
  const optimizer = torchArchive(
    dict({
      state: `}(K\x00${moments("a", 8)}K\x01${moments("b", 3)}K\x02${moments("c", 5)}u`,
      param_groups: `](${dict({ lr: "G?PbM\xd2\xf1\xa9\xfc", params: "](K\x00K\x01K\x02e" })}e`,
    }),
    { s: floatBytes(9), a: new Uint8Array(32), b: new Uint8Array(12), c: new Uint8Array(20) },
  );
  const saved = (average: Shapes) =>
    new MemoryFiles({
      ...model("text_encoder/model.safetensors", { query: [5] }),
      ...model("unet/diffusion_pytorch_model.safetensors", unet),
      ...model("unet_ema/diffusion_pytorch_model.safetensors", average),
      "/run/checkpoint-9/optimizer.bin": optimizer,
      // What accelerate calls `step` counts batches for the accumulation of gradients.
      "/run/checkpoint-9/random_states_0.pkl": torchArchive(
        dict({ step: "K\x00", torch_manual_seed: floats("r", 1) }),
        { r: floatBytes(0) },
      ),
    });

  test("are opened, and held against optimizer and moving average", async () => {
    const files = saved(unet);
    const session = await CheckpointSession.open(files, "/run/checkpoint-9", () => undefined);
    expect(session.checkpoint.path).toBe("/run/checkpoint-9/unet/diffusion_pytorch_model.safetensors");
    const report = await session.resume();
    expect(checkOf(report, "Parameters")?.reason).toBe("unet and text_encoder are whole: 3 tensors.");
    expect(checkOf(report, "Optimizer fits the parameters")?.reason).toMatch(/^Every shape .* 3 parameters/);
    expect(checkOf(report, "Moving average")?.verdict).toBe("ok");
    expect(checkOf(report, "Progress")?.reason).toMatch(/^The folder's name says step 9, /);
    expect(checkOf(report, "Steps agree")?.reason).toBe("The folder's name and optimizer.bin say step 9.");
  });

  test.each([
    ["holds some", { conv: [8] }, "warning", /averages of 1 of the 2 tensors/],
    ["is another's", { conv: [9], bias: [3] }, "error", /shapes that .* has not, such as conv \(9\)/],
  ])("are told when the average %s", async (_, average: Shapes, verdict, reason) => {
    const report = await resumeOf(saved(average), "/run/checkpoint-9");
    expect(checkOf(report, "Moving average")).toMatchObject({
      verdict,
      reason: expect.stringMatching(reason),
    });
  });
});

test("no trainer goes on from a GGUF, whatever optimizer lies beside it", async () => {
  const files = new MemoryFiles({
    "/m/model.gguf": ggufFile({ keys: {}, tensors: [{ name: "output.weight", values: [1, 2, 3, 4] }] }),
    "/m/optimizer.pt": bytesAt(trainingFixtures, "adam8bit.pt"),
  });
  const session = await CheckpointSession.open(files, "/m/model.gguf", () => undefined);
  expect((await session.resume()).sentence).toMatch(/^No: model\.gguf is made for inference \(GGUF\)/);
  expect(session.summary().resumable.answer).toBe("no");
  // Nothing of a training is missing where none goes on.
  files.remove("/m/optimizer.pt");
  const alone = (await CheckpointSession.open(files, "/m/model.gguf", () => undefined)).summary();
  expect(alone.missingParts.map(({ label }) => label)).toEqual(["model configuration"]);
  expect(alone.resumable.reason).toBe("model.gguf is made for inference (GGUF): no trainer goes on from it.");
});

test("a broken file is not taken for another one that lies beside it", async () => {
  const header = (name: string) => {
    const text = Buffer.from(`{"${name}":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`);
    return new Uint8Array(
      Buffer.concat([Buffer.of(text.length, 0, 0, 0, 0, 0, 0, 0), text, Buffer.alloc(4)]),
    );
  };
  const files = new MemoryFiles({ "/m/a.safetensors": header("a"), "/m/b.safetensors": header("b") });
  expect((await resumeOf(files, "/m/b.safetensors")).sentence).toMatch(
    /^No: b\.safetensors cannot be loaded/,
  );
});
