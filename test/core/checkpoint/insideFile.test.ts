import { describe, expect, it } from "vitest";
import { contentKind } from "../../../src/core/checkpoint/contentKind";
import { inspectReport } from "../../../src/core/report/inspectReport";
import { schedulersInside } from "../../../src/core/resume/stateInside";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";
import { text } from "../formats/pickle/latin1";
import { contentOf, fixture } from "../formats/torch/torchFixtures";
import {
  call,
  dict,
  floatBytes,
  floats,
  int,
  storage,
  tensorV2,
  torchArchive,
} from "../formats/torch/torchPickle";

function open(
  files: Readonly<Record<string, Uint8Array | string>>,
  path: string,
): Promise<CheckpointSession> {
  return CheckpointSession.open(new MemoryFiles(files), path, () => undefined);
}

describe("what a torch file is", () => {
  it.each([
    ["training.pt", "training-checkpoint"],
    ["optimizers.pt", "optimizer"],
    ["onecycle.pt", "scheduler"],
    ["rng.pth", "rng-state"],
    ["dtypes.pt", undefined],
    ["objects4.pkl", undefined],
  ])("is told by its content: %s", async (name, kind) => {
    expect(contentKind(await contentOf(name))).toBe(kind);
  });

  it("is told for an optimizer alone, a scheduler and training arguments", async () => {
    const kind = async (pickle: string) =>
      (await open({ "/m/a.pt": torchArchive(pickle) }, "/m/a.pt")).summary().kind;
    expect(await kind(dict({ state: "}", param_groups: "]" }))).toBe("optimizer");
    expect(await kind(dict({ last_epoch: int(3), _step_count: int(4) }))).toBe("scheduler");
    expect(await kind(dict({ _schedulers: "]", _last_lr: "]" }))).toBe("scheduler");
    const beside = dict({
      lr_scheduler: dict({ last_epoch: int(3), _step_count: int(4) }),
      rng: dict({ cpu: int(1) }),
    });
    expect(await kind(beside)).toBe("rng-state");
    const opened = await open({ "/m/a.pt": torchArchive(beside) }, "/m/a.pt");
    expect(opened.summary().headline[0]).toBe("Random state and schedule");
    const args = `${"ctransformers.training_args\nTrainingArguments\n"})\x81${dict({ learning_rate: int(1), output_dir: text("x") })}b`;
    expect(await kind(args)).toBe("training-args");
    expect(await kind(dict({ a: int(1) }))).toBe("unknown");
  });
});

describe("progress that a file tells itself", () => {
  const progress = async (pickle: string, storages: Readonly<Record<string, Uint8Array>> = {}) =>
    (await open({ "/m/ckpt.pt": torchArchive(pickle, storages) }, "/m/ckpt.pt")).summary().progress;

  it("is nanoGPT's", async () => {
    expect(
      (await open({ "/m/ckpt.pt": fixture("training.pt") }, "/m/ckpt.pt")).summary().progress,
    ).toMatchObject({
      step: 3,
      bestMetric: 1.25,
      learningRate: 0.0005,
    });
  });

  it("is Lightning's, with the best score of its callback", async () => {
    const callback = dict({
      best_model_score: tensorV2(storage("torch.FloatStorage", "0", 1), [], []),
      best_model_path: text("/x/best.ckpt"),
    });
    const pickle = dict({
      epoch: int(9),
      global_step: int(5000),
      state_dict: dict({ w: floats("0", 1) }),
      callbacks: `}(${text("ModelCheckpoint{'monitor': 'val_loss'}")}${callback}u`,
    });
    expect(await progress(pickle, { 0: floatBytes(0.5) })).toMatchObject({
      step: 5000,
      epoch: 9,
      bestMetric: 0.5,
      bestCheckpoint: "/x/best.ckpt",
    });
  });

  it("is that of ML-Agents, whose step is a buffer of a module of its own", async () => {
    const counted = dict({
      _GlobalSteps__global_step: tensorV2(storage("torch.LongStorage", "0", 1), [1], [1]),
    });
    const pickle = dict({ global_step: counted, Policy: dict({ w: floats("1", 1) }) });
    const count = new Uint8Array(new BigInt64Array([2000n]).buffer);
    expect(await progress(pickle, { 0: count, 1: floatBytes(0.5) })).toMatchObject({ step: 2000 });
  });

  it("is Lightning's, ended by its EarlyStopping, and names a best checkpoint that is elsewhere", async () => {
    const told = async (waited: number, stopped: number, beside = "/m/x.txt") => {
      const early = dict({ wait_count: int(waited), patience: int(3), stopped_epoch: int(stopped) });
      const best = dict({
        best_model_score: tensorV2(storage("torch.FloatStorage", "0", 1), [], []),
        best_model_path: text("/x/best.ckpt"),
      });
      const pickle = dict({
        epoch: int(5),
        global_step: int(20),
        state_dict: dict({ w: floats("0", 1) }),
        callbacks: `}(${text("EarlyStopping{'monitor': 'val_loss'}")}${early}${text("ModelCheckpoint")}${best}u`,
      });
      const files = { "/m/ckpt.pt": torchArchive(pickle, { 0: floatBytes(0.5) }), [beside]: "x" };
      const { progress, problems, resumable } = (await open(files, "/m/ckpt.pt")).summary();
      return {
        why: progress?.stoppedBy?.why,
        finished: resumable.finished,
        codes: problems.map(({ code }) => code),
      };
    };
    expect(await told(3, 4)).toMatchObject({
      why: "val_loss was no better in 3 evaluations, its patience 3",
      finished: true,
      codes: expect.arrayContaining(["BestElsewhere"]),
    });
    // It went on under a longer patience: what it still keeps is the epoch of the stop before.
    const twin = await told(1, 2, "/m/best.ckpt");
    expect(twin.why ?? twin.finished).toBeUndefined();
    expect(twin.codes).not.toContain("BestElsewhere");
  });

  it("has fairseq's schedule, which may remember nothing", async () => {
    const update = dict({ lr_scheduler_state: dict({ best: "N" }), num_updates: int(5) });
    const content = (history: string) =>
      open(
        {
          "/m/a.pt": torchArchive(dict({ model: dict({ w: floats("0", 1) }), optimizer_history: history }), {
            0: floatBytes(1),
          }),
        },
        "/m/a.pt",
      );
    const places = async (history: string) => {
      const { content: read } = (await content(history)).checkpoint;
      return read === undefined ? [] : schedulersInside(read).map(({ place }) => place);
    };
    expect(await places(`](${update}e`)).toEqual(["optimizer_history.0.lr_scheduler_state"]);
    expect(await places("]")).toEqual([]);
  });

  it("is that of dicts which people write", async () => {
    const pickle = dict({
      epoch: int(3),
      loss: "G\x3f\xe0\0\0\0\0\0\0",
      model_state_dict: dict({ w: floats("0", 1) }),
    });
    expect(await progress(pickle, { 0: floatBytes(1) })).toMatchObject({
      epoch: 3,
      loss: 0.5,
      step: undefined,
    });
    expect(await progress(dict({ a: int(1) }))).toBeUndefined();
  });

  it("leaves out what cannot be read", async () => {
    const loss = tensorV2(storage("torch.FloatStorage", "7", 1), [], []);
    expect(await progress(dict({ epoch: int(1), loss }))).toMatchObject({ epoch: 1, loss: undefined });
  });
});

describe("an optimizer beside its adapter", () => {
  const adapter = safetensorsFile({
    tensors: [
      { name: "q.lora_A.weight", dtype: "F32", shape: [2] },
      { name: "q.lora_B.weight", dtype: "F32", shape: [3] },
    ],
  });
  const moments = (size: number) =>
    dict({ exp_avg: tensorV2(storage("torch.FloatStorage", "0", 4), [size], [1]) });
  const optimizer = dict({
    state: `}(${int(0)}${moments(2)}${int(1)}${moments(3)}u`,
    param_groups: `](${dict({ lr: "G\x3f\xe0\0\0\0\0\0\0", params: `](${int(0)}${int(1)}e` })}e`,
  });

  it("gets its parameters' names from it, marked as inferred, and prints them", async () => {
    const files = {
      "/c/optimizer.pt": torchArchive(optimizer, { 0: floatBytes(1, 2, 3, 4) }),
      "/c/adapter_model.safetensors": adapter,
    };
    const session = await open(files, "/c/optimizer.pt");
    expect(session.summary()).toMatchObject({ kind: "optimizer", format: "torch-zip" });
    const report = await inspectReport(
      "/c/optimizer.pt",
      session,
      { tensors: new Map(), problems: [] },
      { showSecrets: true },
    );
    expect(report).toMatchObject({
      kind: "optimizer",
      optimizer: {
        groups: [{ lr: 0.5, parameterCount: 2 }],
        parameters: [
          { index: 0, name: "q.lora_A.weight", nameInferred: true, state: { exp_avg: "state.0.exp_avg" } },
          { index: 1, name: "q.lora_B.weight", nameInferred: true, state: { exp_avg: "state.1.exp_avg" } },
        ],
      },
      imports: expect.arrayContaining([
        { global: "torch._utils._rebuild_tensor_v2", verdict: "known", count: 2 },
      ]),
    });
  });

  it("keeps its numbers where there is none, or none that can be read", async () => {
    const alone = { "/c/optimizer.pt": torchArchive(optimizer, { 0: floatBytes(1, 2, 3, 4) }) };
    for (const files of [alone, { ...alone, "/c/adapter_model.safetensors": "not safetensors" }]) {
      const { inside } = await open(files, "/c/optimizer.pt");
      expect(inside?.optimizers[0]?.parameters.map(({ name }) => name)).toEqual([undefined, undefined]);
    }
  });
});

describe("a sharded model of torch files", () => {
  const index = "pytorch_model.bin.index.json";
  const shards = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];

  it("opens as one, like one of safetensors", async () => {
    const files = Object.fromEntries([index, ...shards].map((name) => [`/m/${name}`, fixture(name)]));
    const session = await open(files, `/m/${index}`);
    const { checkpoint } = session;
    expect(checkpoint.problems).toEqual([]);
    expect(checkpoint).toMatchObject({ format: "torch-zip", files: [{ status: "ok" }, { status: "ok" }] });
    expect(checkpoint.tensors.map(({ name, fileIndex }) => [name, fileIndex])).toEqual([
      ["a.weight", 0],
      ["b.weight", 0],
      ["c.weight", 1],
    ]);
    const reader = session.tensorReader();
    for (const tensor of checkpoint.tensors) expect(await reader.read(tensor)).toHaveLength(tensor.byteSize);
    await reader.close();
    expect(checkpoint.imports?.every(({ verdict }) => verdict === "known")).toBe(true);
  });

  it("says which shard is malicious", async () => {
    const files = {
      [`/m/${index}`]: JSON.stringify({ weight_map: { w: shards[0] } }),
      [`/m/${shards[0]}`]: torchArchive(dict({ w: floats("0", 1), evil: call("os.system", text("ls")) }), {
        0: floatBytes(1),
      }),
    };
    const { checkpoint } = await open(files, `/m/${index}`);
    expect(checkpoint.problems).toMatchObject([{ code: "DangerousImport", file: `/m/${shards[0]}` }]);
  });
});
