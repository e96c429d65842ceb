import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ReadAllowance } from "../../../src/core/bytes/limitedFiles";
import { probeFile } from "../../../src/core/checkpoint/probeFile";
import { probeTorch } from "../../../src/core/checkpoint/probeTorch";
import { discoverRuns } from "../../../src/core/runs/discover/discover";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";
import { text } from "../formats/pickle/latin1";
import { fixture } from "../formats/torch/torchFixtures";
import { call, dict, floatBytes, floats, int, torchArchive } from "../formats/torch/torchPickle";

const sample = join(projectRoot, "media", "sample", "03-fine-tuning", "checkpoint-240");
const bytes = (name: string) => new Uint8Array(readFileSync(join(sample, name)));

/** GLOBAL posix.system, the command, TUPLE1, REDUCE. */
const malicious = new TextEncoder().encode("cposix\nsystem\n(S'touch /tmp/owned'\ntR.");

/** BINFLOAT */
const float = (value: number) => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return `G${String.fromCharCode(...new Uint8Array(view.buffer))}`;
};

const lightning = torchArchive(
  dict({
    epoch: int(3),
    global_step: int(400),
    "pytorch-lightning_version": text("2.2.0"),
    state_dict: dict({ "layer.weight": floats("0", 2) }),
    callbacks: dict({}),
  }),
  { 0: floatBytes(1, 2) },
);

const nanoGpt = torchArchive(
  dict({
    model: dict({ "transformer.wte.weight": floats("0", 2) }),
    iter_num: int(2000),
    best_val_loss: floats("1", 1),
    config: dict({}),
  }),
  { 0: floatBytes(1, 2), 1: floatBytes(1.5) },
);

const byHand = torchArchive(
  dict({ model_state_dict: dict({ weight: floats("0", 1) }), epoch: int(7), loss: float(0.25) }),
  { 0: floatBytes(1) },
);

const plenty = () => new ReadAllowance(100_000_000);

async function search(files: MemoryFiles, allowance = plenty()) {
  const { runs } = await discoverRuns(files, [{ path: "/ws", name: "ws" }], {
    exclude: () => false,
    maxDepth: 8,
    maxFolders: 1000,
    peek: async (path, signal) =>
      (await probeFile(files, path, allowance, signal)) ?? { metadata: undefined, problems: [] },
  });
  return runs;
}

describe("what a look into a torch file tells", () => {
  const look = (content: Uint8Array) => probeTorch(new MemoryFiles({ "/f.pt": content }), "/f.pt", plenty());

  test("a dangerous import, and nothing of an honest file", async () => {
    expect((await look(malicious)).problems).toMatchObject([{ severity: "error", code: "DangerousImport" }]);
    expect(await look(bytes("optimizer.pt"))).toMatchObject({ problems: [] });
  });

  test("a class that is called and not known is a warning", async () => {
    const whole = torchArchive(call("mymodels.Net", dict({})));
    expect((await look(whole)).problems).toMatchObject([{ severity: "warning", code: "UnknownCalls" }]);
  });

  test("a file that is cut, and one that is no checkpoint", async () => {
    expect((await look(fixture("training.pt").slice(0, 2500))).problems).toMatchObject([
      { code: "NoZipDirectory" },
    ]);
    const tokens = new Uint8Array(new Uint16Array([17, 4, 400, 12, 9, 9]).buffer);
    expect(await probeTorch(new MemoryFiles({ "/train.bin": tokens }), "/train.bin", plenty())).toEqual({
      metadata: undefined,
      problems: [],
    });
  });

  test("reads no more than it may: a pickle of many megabytes is left alone", async () => {
    const long = torchArchive(`](${text("x".repeat(60_000)).repeat(100)}e`);
    const files = new MemoryFiles({ "/f.pt": long });
    expect(await probeTorch(files, "/f.pt", plenty())).toEqual({ metadata: undefined, problems: [] });
    expect(files.counts.bytesRead).toBeLessThan(4_500_000);
    expect(await probeFile(files, "/f.pt", new ReadAllowance(1000))).toBeUndefined();
  });
});

describe("in the tree of runs", () => {
  test("Lightning's checkpoints are a run, with step and epoch from inside", async () => {
    const folder = "/ws/lightning_logs/version_3";
    const files = new MemoryFiles({
      [`${folder}/hparams.yaml`]: "{}\n",
      [`${folder}/checkpoints/last.ckpt`]: lightning,
    });
    const [run] = await search(files);
    expect(run?.name).toBe("version_3");
    expect(run?.checkpoints).toMatchObject([{ name: "last.ckpt", step: 400, epoch: 3, problems: [] }]);
  });

  test("nanoGPT's out/ is a run, with its step; the best loss is not taken for that of the step", async () => {
    const [run] = await search(new MemoryFiles({ "/ws/out/ckpt.pt": nanoGpt }));
    expect(run?.name).toBe("out");
    expect(run?.checkpoints).toMatchObject([{ name: "ckpt.pt", step: 2000 }]);
    expect(run?.checkpoints[0]?.evalLoss).toBeUndefined();
  });

  test("dicts written by hand say epoch and loss", async () => {
    const [run] = await search(new MemoryFiles({ "/ws/models/epoch_7.pt": byHand }));
    expect(run?.checkpoints).toMatchObject([{ epoch: 7, loss: 0.25 }]);
  });

  test("what a trainer_state.json says goes first", async () => {
    const files = new MemoryFiles({
      "/ws/out/checkpoint-5/pytorch_model.bin": byHand,
      "/ws/out/checkpoint-5/trainer_state.json":
        '{"global_step": 5, "epoch": 1, "log_history": [{"step": 5, "epoch": 1, "loss": 2}]}',
    });
    expect((await search(files))[0]?.checkpoints).toMatchObject([{ step: 5, epoch: 1, loss: 2 }]);
  });

  test("the optimizer and the arguments beside the weights are looked into as well", async () => {
    const folder = "/ws/out/checkpoint-240";
    const names = ["adapter_model.safetensors", "adapter_config.json", "optimizer.pt", "scheduler.pt"];
    const files = new MemoryFiles(
      Object.fromEntries(names.map((name) => [`${folder}/${name}`, bytes(name)])),
    );
    files.write(`${folder}/training_args.bin`, malicious);
    const [checkpoint] = (await search(files))[0]?.checkpoints ?? [];
    expect(checkpoint?.problems).toMatchObject([
      { severity: "error", code: "DangerousImport", file: `${folder}/training_args.bin` },
    ]);
    expect(checkpoint?.incomplete).toBe(false);
    files.write(`${folder}/training_args.bin`, bytes("scheduler.pt"));
    files.write(`${folder}/optimizer.pt`, bytes("optimizer.pt").slice(0, 70_000));
    const [cut] = (await search(files))[0]?.checkpoints ?? [];
    expect(cut).toMatchObject({ incomplete: true, problems: [{ code: "NoZipDirectory" }] });
  });
});
