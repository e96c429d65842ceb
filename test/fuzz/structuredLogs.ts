import { event, eventFile, scalarEvent, simple, summary } from "../core/runs/logs/eventFile";
import { config, history, summaryRecord, wandbFile } from "../core/runs/logs/wandbFile";
import { mutate, type Random } from "./mutate";
import type { Made } from "./structured";
import { anyJson, numbers, smallAdapter } from "./structuredParts";

const textLog = (random: Random): string => {
  const cell = () =>
    random.of([
      "1",
      "0.5",
      "",
      "nan",
      "inf",
      "1e400",
      '"',
      '"a,b"',
      "step",
      "loss",
      "2024-01-01 00:00:00",
      "{",
      "}",
      "'loss': 1",
      "-1",
      "9".repeat(400),
      "\u202e",
      "[1]",
      '{"step":1}',
    ]);
  const line = (separator: string) => Array.from({ length: random.below(6) }, cell).join(separator);
  const separator = random.of([",", "\t", ";", " ", " | ", ": "]);
  return [
    random.of(["step,loss", "step\tloss\tepoch", "epoch,loss,lr", ""]),
    ...Array.from({ length: random.below(20) }, () => line(separator)),
  ].join(random.of(["\n", "\r\n", "\r"]));
};

const jsonLines = (random: Random): string =>
  Array.from({ length: random.below(12) }, () =>
    JSON.stringify(
      anyJson(random, ["step", "loss", "epoch", "global_step/max_steps", "_step", "eval_loss", "lr"]),
    ),
  ).join("\n");

const binaryLogs: Readonly<Record<string, (random: Random) => Uint8Array>> = {
  "events.out.tfevents.1.x": (random) =>
    eventFile(
      ...Array.from({ length: random.below(6) }, (_, at) =>
        scalarEvent(random.of(["loss", "train/loss", "\u202e"]), at, at),
      ),
      event(random.of([0, 2 ** 40, 3]), Number.NaN, summary(simple("x", Number.NaN))),
    ),
  "run-abc.wandb": (random) =>
    wandbFile(
      config({ a: anyJson(random, ["value", "desc", "_wandb"]) }),
      ...Array.from({ length: random.below(6) }, (_, at) =>
        history({ _step: random.of([at, ...numbers]), loss: anyJson(random, ["value"]) }),
      ),
      summaryRecord({ loss: anyJson(random, ["value", "min"]) }),
    ),
};

const textNames = [
  "metrics.csv",
  "log.csv",
  "log.jsonl",
  "metrics.jsonl",
  "train.log",
  "log_1234567.txt",
  "hparams.yaml",
  "all_results.json",
  "trainer_log.jsonl",
  "mlruns/0/abc/metrics/loss",
];

export const logs = (random: Random): Made => {
  const isText = random.below(3) > 0;
  const file = random.of(isText ? textNames : Object.keys(binaryLogs));
  const bytes = isText
    ? new TextEncoder().encode(file.includes("json") ? jsonLines(random) : textLog(random))
    : (binaryLogs[file]?.(random) ?? new Uint8Array());
  const written = bytes.length > 0 && random.below(2) === 0 ? mutate(bytes, bytes, random) : bytes;
  return {
    files: { "/f/checkpoint-5/adapter_model.safetensors": smallAdapter, [`/f/${file}`]: written },
    path: "/f",
    isRun: true,
  };
};
