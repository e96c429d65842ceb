/**
 * A real training in the layout of the Hugging Face Trainer, for tests that watch one: trains `TinyModel`, logs to a
 * TensorBoard event file as it goes, and saves `checkpoint-N` with weights, moments and trainer_state.json in that
 * order. trainTiny.py does the same with torch and takes the same options. Says what it does on stdout, one line each,
 * which is what a test waits for and holds its findings against.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { event, eventFile, simple, summary } from "../../../core/runs/logs/eventFile";
import { safetensorsFile } from "../safetensorsFile";
import { seededRandom, TinyModel } from "./tinyModel";

const { values } = parseArgs({
  options: {
    output: { type: "string" },
    steps: { type: "string", default: "200" },
    "log-every": { type: "string", default: "5" },
    "save-every": { type: "string", default: "40" },
    "step-ms": { type: "string", default: "0" },
    /** Stops for ever in the middle of this save, to be killed there. */
    "hold-in-save": { type: "string" },
    resume: { type: "boolean", default: false },
  },
});

const output = values.output ?? "";
const maxSteps = Number(values.steps);
const logEvery = Number(values["log-every"]);
const saveEvery = Number(values["save-every"]);
const stepMs = Number(values["step-ms"]);
const holdInSave = Number(values["hold-in-save"] ?? Number.NaN);
const peakLearningRate = 0.02;
const warmupSteps = 10;

interface LogRow {
  readonly step: number;
  readonly epoch: number;
  readonly [metric: string]: number;
}

const model = new TinyModel(1);
let log: LogRow[] = [];
let best: { readonly step: number; readonly loss: number } | undefined;

/** Linear warm-up, then linear decay to zero. */
function learningRateAt(step: number): number {
  const warm = Math.min(1, step / warmupSteps);
  return peakLearningRate * Math.min(warm, Math.max(0, (maxSteps - step) / (maxSteps - warmupSteps)));
}

const epochAt = (step: number) => step / 50;

/** A folder of its own for each start, as the Trainer makes it, and the file's header record. */
function startEventFile(): string {
  const runs = join(output, "runs");
  const starts = existsSync(runs) ? readdirSync(runs).length : 0;
  const folder = join(runs, `Nov05_00-00-0${starts}_host`);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `events.out.tfevents.${Math.floor(Date.now() / 1000)}.host.${process.pid}.0`);
  writeFileSync(path, eventFile());
  return path;
}

function writeEvents(path: string, step: number, metrics: Readonly<Record<string, number>>): void {
  const records = Object.entries(metrics).map(([tag, value]) =>
    event(step, Date.now() / 1000, summary(simple(tag, value))),
  );
  appendFileSync(path, Uint8Array.from(records.flat()));
}

function tensorFile(of: "value" | "moments"): Uint8Array {
  const tensors = model.parameters.flatMap(({ name, shape, value, expAvg, expAvgSq }) =>
    of === "value"
      ? [{ name, shape, data: value }]
      : [
          { name: `${name}.exp_avg`, shape, data: expAvg },
          { name: `${name}.exp_avg_sq`, shape, data: expAvgSq },
        ],
  );
  return safetensorsFile({
    tensors: tensors.map(({ name, shape }) => ({ name, dtype: "F32", shape })),
    metadata: { format: "pt" },
    data: new Uint8Array(Buffer.concat(tensors.map(({ data }) => new Uint8Array(data.buffer)))),
  });
}

/** In two halves, as a large file is written: who looks between them sees a file that is cut. */
async function writeInHalves(path: string, bytes: Uint8Array, hold: boolean): Promise<void> {
  const half = Math.floor(bytes.length / 2);
  writeFileSync(path, bytes.subarray(0, half));
  if (hold) {
    console.log(`holding in the middle of ${path}`);
    await delay(3_600_000);
  }
  await delay(stepMs);
  appendFileSync(path, bytes.subarray(half));
}

async function save(step: number): Promise<void> {
  const folder = join(output, `checkpoint-${step}`);
  console.log(`saving ${step}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify({ model_type: "tiny", vocab_size: 30 }));
  await writeInHalves(join(folder, "model.safetensors"), tensorFile("value"), step === holdInSave);
  await writeInHalves(join(folder, "optimizer.safetensors"), tensorFile("moments"), false);
  const state = {
    best_metric: best?.loss ?? null,
    best_model_checkpoint: best === undefined ? null : join(output, `checkpoint-${best.step}`),
    epoch: epochAt(step),
    eval_steps: saveEvery,
    global_step: step,
    is_hyper_param_search: false,
    log_history: log,
    logging_steps: logEvery,
    max_steps: maxSteps,
    num_train_epochs: Math.ceil(epochAt(maxSteps)),
    save_steps: saveEvery,
    total_flos: step * 1e6,
    train_batch_size: 32,
  };
  writeFileSync(join(folder, "trainer_state.json"), `${JSON.stringify(state, undefined, 2)}\n`);
  console.log(`saved ${step}`);
}

/** Goes back to the newest checkpoint that was saved whole: its trainer_state.json is written last. */
function resume(): number {
  const steps = readdirSync(output)
    .map((name) => Number(/^checkpoint-(\d+)$/.exec(name)?.[1]))
    .filter((step) => existsSync(join(output, `checkpoint-${step}`, "trainer_state.json")));
  const step = Math.max(...steps);
  const folder = join(output, `checkpoint-${step}`);
  const state = JSON.parse(readFileSync(join(folder, "trainer_state.json"), "utf8"));
  log = state.log_history;
  const bestStep = Number(/(\d+)$/.exec(state.best_model_checkpoint ?? "")?.[1]);
  if (state.best_metric !== null) best = { step: bestStep, loss: state.best_metric };
  const weights = readTensors(join(folder, "model.safetensors"));
  const moments = readTensors(join(folder, "optimizer.safetensors"));
  for (const { name, value, expAvg, expAvgSq } of model.parameters) {
    value.set(weights.get(name) ?? []);
    expAvg.set(moments.get(`${name}.exp_avg`) ?? []);
    expAvgSq.set(moments.get(`${name}.exp_avg_sq`) ?? []);
  }
  console.log(`resumed from ${step}`);
  return step;
}

function readTensors(path: string): Map<string, Float32Array> {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { data_offsets?: [number, number] }> = JSON.parse(
    bytes.toString("utf8", 8, start),
  );
  return new Map(
    Object.entries(header).flatMap(([name, { data_offsets: offsets }]) => {
      if (offsets === undefined) return [];
      const data = Uint8Array.from(bytes.subarray(start + offsets[0], start + offsets[1]));
      return [[name, new Float32Array(data.buffer)] as const];
    }),
  );
}

mkdirSync(output, { recursive: true });
const first = values.resume ? resume() + 1 : 1;
const events = startEventFile();
// Another order of the data in each start, so that steps that come again are seen to have other losses.
const random = seededRandom(first);
let sum = 0;
for (let step = first; step <= maxSteps; step++) {
  const learningRate = learningRateAt(step);
  const { loss, gradNorm } = model.train(step, learningRate, random);
  sum += loss;
  if (step % logEvery === 0) {
    const mean = Math.fround(sum / Math.min(logEvery, step - first + 1));
    sum = 0;
    log.push({ epoch: epochAt(step), grad_norm: gradNorm, learning_rate: learningRate, loss: mean, step });
    writeEvents(events, step, {
      "train/loss": mean,
      "train/grad_norm": gradNorm,
      "train/learning_rate": learningRate,
      "train/epoch": epochAt(step),
    });
    console.log(`loss ${step} ${mean}`);
  }
  if (step % saveEvery === 0) {
    const evalLoss = Math.fround(model.evaluate());
    if (evalLoss < (best?.loss ?? Number.POSITIVE_INFINITY)) best = { step, loss: evalLoss };
    log.push({ epoch: epochAt(step), eval_loss: evalLoss, step });
    writeEvents(events, step, { "eval/loss": evalLoss });
    console.log(`eval_loss ${step} ${evalLoss}`);
    await save(step);
  }
  await delay(stepMs);
}
console.log("done");
