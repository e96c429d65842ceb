import type { ProgressSummary } from "../../../../src/core/checkpoint/summary";
import { FloatValue, ListValue, TupleValue } from "../../../../src/core/formats/contentValue";
import { PyGlobal, PyObject } from "../../../../src/core/formats/pickle/pickleValue";
import type { QuantisedState } from "../../../../src/core/optimizer/quantisedState";
import type { ResumeReport } from "../../../../src/core/resume/resumeReport";
import { someStatistics } from "../../../support/someStatistics";
import { trainingSample } from "../run/trainingSample";
import { adamState, ContentMaker, dict, group, parameterNames, torchSample } from "./contentMaker";
import type { EditorSample } from "./editorSample";

/** The optimizer of the adapter, whose names were found in the adapter beside it. */
export function optimizerSample(names: readonly string[] = parameterNames): EditorSample {
  const maker = new ContentMaker();
  const count = names.length;
  const all = Array.from({ length: count }, (_, at) => at);
  const root = dict([
    ["state", adamState(maker, count, "")],
    ["param_groups", new ListValue([group(0.01, all.slice(0, 40)), group(0, all.slice(40))])],
  ]);
  const sample = torchSample(maker, root, names, {
    name: "optimizer.pt",
    kind: "optimizer",
    headline: ["AdamW state", "144 tensors", "F32", "787 kB"],
    resumable: { answer: "partly", reason: "The random state is missing." },
  });
  const message = "scheduler.pt is cut at byte 512: <b>the archive</b> has no directory.";
  return {
    ...sample,
    resume: resumeReport(),
    health: [{ severity: "error", code: "CutArchive", message, file: "/home/ada/scheduler.pt" }],
  };
}

/** One of each verdict, with reasons as long as they get. */
function resumeReport(): ResumeReport {
  const checks: ResumeReport["checks"] = [
    {
      what: "Parameters",
      verdict: "ok",
      reason:
        "adapter_model.safetensors is whole: 48 tensors. The base model must be at hand; it is not part of the checkpoint.",
    },
    { what: "Optimizer state", verdict: "ok", reason: "optimizer.pt: AdamW, state of 48 parameters." },
    {
      what: "Optimizer fits the parameters",
      verdict: "ok",
      reason: "All 48 parameters of optimizer.pt fit adapter_model.safetensors in number, order and shape.",
    },
    {
      what: "Schedule",
      verdict: "error",
      reason: "scheduler.pt is cut at byte 512: <b>the archive</b> has no directory.",
    },
    {
      what: "Random state",
      verdict: "warning",
      reason: "3 of 4 processes (training_args.bin): rank 2 is missing, whose random numbers differ.",
    },
    {
      what: "Gradient scaler",
      verdict: "missing",
      reason:
        "Trained in fp16 (training_args.bin), but no scaler state is here: the loss scale starts over, and the first steps may be skipped.",
    },
    { what: "Progress", verdict: "ok", reason: "trainer_state.json: step 300, epoch 1.5." },
    {
      what: "Steps agree",
      verdict: "unknown",
      reason: "trainer_state.json says step 300; there is nothing to compare it with.",
    },
  ];
  return {
    answer: "no",
    sentence: "No: scheduler.pt is cut at byte 512: the archive has no directory.",
    checks,
  };
}

/** Groups and no state: saved before the first step. No model is beside it either. */
export function emptyOptimizerSample(): EditorSample {
  const root = dict([
    ["state", dict([])],
    ["param_groups", new ListValue([group(0.01, [0, 1, 2])])],
  ]);
  return torchSample(new ContentMaker(), root, [], {
    name: "optimizer.pt",
    kind: "optimizer",
    headline: ["AdamW state, empty", "no tensors", "1.1 kB"],
  });
}

/** bitsandbytes' 8-bit Adam: moments as codes, with their tables and scales. */
export function eightBitSample(): EditorSample {
  const maker = new ContentMaker();
  const moments = (at: number, number: number): (readonly [string, PyObject])[] => {
    const name = (key: string) => `state.${at}.${key}${number}`;
    return [
      [`state${number}`, maker.tensor(name("state"), [256, 64], "U8")],
      [`qmap${number}`, maker.tensor(name("qmap"), [256])],
      [`absmax${number}`, maker.tensor(name("absmax"), [64])],
    ];
  };
  const state = (at: number) => dict([["step", 300], ...moments(at, 1), ...moments(at, 2)]);
  const root = dict([
    ["state", dict([0, 1].map((at) => [at, state(at)]))],
    ["param_groups", new ListValue([group(0.01, [0, 1])])],
  ]);
  const sample = torchSample(maker, root, ["model.layers.0.q_proj.weight", "model.layers.0.v_proj.weight"], {
    name: "optimizer.pt",
    kind: "optimizer",
    headline: ["bitsandbytes Adam 8-bit state", "12 tensors", "U8 + F32", "72 kB"],
  });
  const quantised: QuantisedState = {
    key: "state1",
    codes: "state.0.state1",
    table: "state.0.qmap1",
    scales: "state.0.absmax1",
    values: 16_384,
    blockSize: 256,
    blocks: 64,
    statistics: someStatistics({
      min: -0.0021,
      max: 0.0019,
      mean: 3.1e-7,
      std: 0.00042,
      absMax: 0.0021,
      l2: 0.054,
      zeros: 118,
    }),
    first: [0.00012, -0.00034, 0, 0.0011, -2.4e-6, 0.00018, 0.00002, -0.0007],
  };
  return { ...sample, quantised };
}

export const manyParameters = 20_000;

export function largeOptimizerSample(): EditorSample {
  const maker = new ContentMaker();
  const all = Array.from({ length: manyParameters }, (_, at) => at);
  const root = dict([
    ["state", adamState(maker, manyParameters, "")],
    ["param_groups", new ListValue([group(0.01, all)])],
  ]);
  return torchSample(
    maker,
    root,
    all.map((at) => `model.layers.${at}.weight`),
    {
      name: "optimizer.pt",
      kind: "optimizer",
      headline: ["AdamW state", "60,000 tensors"],
    },
  );
}

/** A dict that someone wrote by hand, with everything in it. */
export function trainingFileSample(): EditorSample {
  const maker = new ContentMaker();
  const self = new ListValue([1]);
  self.items.push(self);
  const model = dict(
    ["embed.weight", "head.weight", "head.bias"].map((name) => [
      `module.${name}`,
      maker.tensor(`model.module.${name}`, name.endsWith("bias") ? [256] : [256, 64]),
    ]),
  );
  const root = dict([
    ["model", model],
    [
      "optimizer",
      dict([
        ["state", adamState(maker, 3, "optimizer.")],
        ["param_groups", new ListValue([group(0.01, [0, 1, 2])])],
      ]),
    ],
    ["epoch", 7],
    ["loss", new FloatValue(0.731)],
    [
      "rng_state",
      new TupleValue([3, new TupleValue(Array.from({ length: 625 }, (_, at) => at * 7919)), null]),
    ],
    ["losses", new ListValue(Array.from({ length: 450 }, (_, at) => new FloatValue(3 / (at + 1))))],
    [
      "args",
      dict([
        ["lr", new FloatValue(0.0003)],
        ["batch_size", 32],
        ["hub_token", "hf_secret"],
        ["seed", 42],
      ]),
    ],
    ["itself", self],
    ["<img src=x onerror=\"document.title='owned'\">", "<b>bold</b>\u202egnp"],
  ]);
  return torchSample(maker, root, ["embed.weight", "head.weight", "head.bias"], {
    name: "epoch-7.pt",
    kind: "training-checkpoint",
    headline: ["Training checkpoint", "12 tensors", "33 K parameters", "F32"],
  });
}

/** A pair of nets with their optimizers, where the file states no step, and a history of its losses. */
export function handWrittenSample(): EditorSample {
  const sample = trainingFileSample();
  const { state } = sample;
  if (state.status !== "ready") return sample;
  const parts = [
    ["generator", "model, 33,024 parameters in 3 tensors"],
    ["opt.g", "Adam, state of 3 parameters of generator"],
    ["g_losses", "history, 450 values"],
  ] as const;
  const progress: ProgressSummary = {
    step: 1200,
    stepIsOptimizers: true,
    epoch: 7,
    episode: 40,
    maxEpochs: 90,
    maxSteps: undefined,
    learningRate: 0.0002,
    loss: 0.731,
    evalLoss: undefined,
    bestMetric: 76.5,
    bestMetricName: "acc1",
    bestIs: "highest",
    bestCheckpoint: undefined,
    metrics: [{ name: "val_acc", value: 75.25 }],
  };
  const summary = {
    ...state.summary,
    progress,
    hasTraining: true,
    settings: [{ title: "In the file", rows: parts }, ...(state.summary.settings ?? [])],
  };
  return { ...sample, training: trainingSample(), state: { ...state, summary } };
}

/** A pickle that would run a command. */
export function maliciousSample(): EditorSample {
  const system = new PyGlobal("posix", "system");
  const call = new PyObject(system, new TupleValue(["touch /tmp/owned"]), false);
  const sample = torchSample(new ContentMaker(), dict([["weights", call]]), [], {
    name: "model.pkl",
    kind: "unknown",
    format: "pickle",
    formatLabel: "pickle",
    headline: ["pickle file", "no tensors", "61 bytes"],
    imports: {
      findings: [
        { global: "posix.system", verdict: "dangerous", count: 1, offset: 14 },
        { global: "mypackage.Thing", verdict: "unknown", count: 2, offset: 40, where: "archive/data.pkl" },
        { global: "collections.OrderedDict", verdict: "known", count: 1, offset: 2 },
      ],
      total: 3,
      dangerous: 1,
      unknown: 1,
    },
    problems: [
      {
        severity: "error",
        code: "DangerousImport",
        message:
          "The file would import posix.system, by which code can run when Python loads it. Nothing was executed here.",
        offset: 14,
      },
    ],
  });
  return sample;
}
