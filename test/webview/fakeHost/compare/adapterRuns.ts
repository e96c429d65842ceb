import { createMatrix, type Matrix, transpose } from "../../../../src/core/linalg/matrix";
import { multiply } from "../../../../src/core/linalg/multiply";
import { svd } from "../../../../src/core/linalg/svd";
import { type MemoryModule, writeAdapterFolder } from "../../../core/adapter/memoryAdapters";
import { MemoryFiles } from "../../../support/memoryFiles";
import { randomNumbers } from "../run/trainingSamples";

/** Adapters in memory, made of factors, so that the real arithmetic has something to compare. */
export interface AdapterRun {
  readonly files: MemoryFiles;
  /** The columns. */
  readonly paths: readonly string[];
  /** The checkpoints of a run to follow. */
  readonly timeline?: readonly string[];
}

type Modules = Record<string, MemoryModule>;

const kinds = [
  "self_attn.q_proj",
  "self_attn.k_proj",
  "self_attn.v_proj",
  "self_attn.o_proj",
  "mlp.gate_proj",
  "mlp.up_proj",
  "mlp.down_proj",
];

function randomMatrix(rows: number, cols: number, random: () => number): Matrix {
  return createMatrix(
    rows,
    cols,
    Float64Array.from({ length: rows * cols }, () => random() + random() + random() - 1.5),
  );
}

/** Factors of an update with these singular values, and random singular vectors. */
function withSpectrum(rows: number, cols: number, sigma: Float64Array, random: () => number): MemoryModule {
  const u = svd(randomMatrix(rows, sigma.length, random)).u;
  const v = svd(randomMatrix(cols, sigma.length, random)).u;
  const roots = sigma.map(Math.sqrt);
  return { b: scaleColumns(u, roots), a: transpose(scaleColumns(v, roots)) };
}

function scaleColumns({ rows, cols, data }: Matrix, factors: Float64Array): Matrix {
  return createMatrix(
    rows,
    cols,
    data.map((value, at) => value * (factors[at % cols] as number)),
  );
}

function spectrum(rank: number, top: number, decay: number): Float64Array {
  return Float64Array.from({ length: rank }, (_, k) => top * Math.exp(-decay * k));
}

function truncated({ a, b }: MemoryModule, rank: number): MemoryModule {
  return {
    a: createMatrix(rank, a.cols, a.data.slice(0, rank * a.cols)),
    b: createMatrix(
      b.rows,
      rank,
      Float64Array.from({ length: b.rows * rank }, (_, at) =>
        Number(b.data[Math.floor(at / rank) * b.cols + (at % rank)]),
      ),
    ),
  };
}

/** As training moves factors: by noise, of this share of their own size. */
function moved({ a, b }: MemoryModule, share: number, random: () => number): MemoryModule {
  const stir = ({ rows, cols, data }: Matrix) => {
    const size = Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
    return createMatrix(
      rows,
      cols,
      data.map((value) => value + 2 * size * share * (random() + random() + random() - 1.5)),
    );
  };
  return { a: stir(a), b: stir(b) };
}

/** The same update in other factors. */
function regauged({ a, b }: MemoryModule, random: () => number): MemoryModule {
  const q = svd(randomMatrix(a.rows, a.rows, random)).u;
  return { a: multiply(transpose(q), a), b: multiply(b, q) };
}

function eachModule(modules: Modules, change: (module: MemoryModule, name: string) => MemoryModule): Modules {
  return Object.fromEntries(Object.entries(modules).map(([name, module]) => [name, change(module, name)]));
}

function layerOf(name: string): number {
  return Number(/layers\.(\d+)/.exec(name)?.[1] ?? 0);
}

function layers(
  count: number,
  parts: readonly string[],
  make: (layer: number, part: string) => MemoryModule,
) {
  const modules: Modules = {};
  for (let layer = 0; layer < count; layer++) {
    for (const part of parts) modules[`model.layers.${layer}.${part}`] = make(layer, part);
  }
  return modules;
}

function stageFile(files: MemoryFiles, folder: string, stage: string): void {
  files.write(`${folder}/checkpoint-stage.json`, JSON.stringify({ stage }));
}

function trainerState(files: MemoryFiles, folder: string, step: number): void {
  const log = { step, epoch: step / 200, loss: 2 - step / 1000, learning_rate: 1e-4 };
  const evaluation = { step, epoch: step / 200, eval_loss: 2.1 - step / 900 + (step / 1000) ** 2 };
  files.write(
    `${folder}/trainer_state.json`,
    JSON.stringify({ global_step: step, epoch: step / 200, log_history: [log, evaluation] }),
  );
}

/** svd → rank reduction → fine-tuning of 12 layers; training moves v_proj of the upper layers most. */
function pipeline(): AdapterRun {
  const random = randomNumbers(3);
  const files = new MemoryFiles();
  const full = layers(12, kinds, (layer, part) => {
    const top = (0.4 + random()) * (part.includes("v_proj") ? 2 : 1) * (1 + layer / 12);
    return withSpectrum(24, 20, spectrum(16, top, 0.15 + 0.3 * random()), random);
  });
  const reduced = eachModule(full, (module) => truncated(module, 4));
  const tuned = eachModule(reduced, (module, name) =>
    moved(module, name.endsWith("v_proj") && layerOf(name) > 7 ? 0.5 : 0.06, random),
  );
  const folders = [
    "/runs/pipeline/01-svd",
    "/runs/pipeline/02-rank-reduction",
    "/runs/pipeline/03-fine-tuning",
  ];
  const base = { base_model_name_or_path: "meta-llama/Llama-3.2-1B-Instruct" };
  for (const [at, modules] of [full, reduced, tuned].entries())
    writeAdapterFolder(files, folders[at] as string, modules, base, [], "F32");
  stageFile(files, folders[0] as string, "svd");
  stageFile(files, folders[1] as string, "rank-reduction");
  stageFile(files, folders[2] as string, "fine-tuning");
  trainerState(files, folders[2] as string, 240);
  return { files, paths: folders };
}

/** Checkpoints of `layerCount` × 7 modules, moving a little further each. */
function checkpoints(layerCount: number, count: number): AdapterRun {
  const random = randomNumbers(17);
  const files = new MemoryFiles();
  let modules = layers(layerCount, kinds, (layer) =>
    withSpectrum(12, 10, spectrum(4, (0.2 + random()) * (0.5 + layer / layerCount), 0.3), random),
  );
  const paths: string[] = [];
  for (let index = 0; index < count; index++) {
    if (index > 0) modules = eachModule(modules, (module) => moved(module, 0.12 / index, random));
    const folder = `/runs/long/checkpoint-${(index + 1) * 100}`;
    writeAdapterFolder(files, folder, modules, {}, [], "F32");
    trainerState(files, folder, (index + 1) * 100);
    paths.push(folder);
  }
  return { files, paths };
}

/** A PiSSA start, the same update in other factors, another base, missing modules, and NaN in a factor. */
function odd(): AdapterRun {
  const random = randomNumbers(29);
  const files = new MemoryFiles();
  const start = layers(6, kinds.slice(0, 4), () =>
    withSpectrum(16, 14, spectrum(8, 1 + random(), 0.3), random),
  );
  const trained = eachModule(start, (module) => moved(module, 0.1, random));
  const other = eachModule(trained, (module) => regauged(module, random));
  const broken = eachModule(other, (module, name) => {
    if (!name.endsWith("2.self_attn.q_proj")) return module;
    const data = module.b.data.slice();
    data[3] = Number.NaN;
    return { a: module.a, b: createMatrix(module.b.rows, module.b.cols, data) };
  });
  delete broken["model.layers.0.self_attn.k_proj"];
  broken["model.layers.6.self_attn.q_proj"] = withSpectrum(16, 14, spectrum(2, 0.5, 0.2), random);
  const pissa = { init_lora_weights: "pissa" };
  writeAdapterFolder(files, "/runs/odd/pissa-init", start, pissa, [], "F32");
  writeAdapterFolder(files, "/runs/odd/trained", trained, pissa, [], "F32");
  writeAdapterFolder(files, "/runs/odd/rewritten", other, pissa, [], "F32");
  writeAdapterFolder(files, "/runs/odd/broken", broken, { base_model_name_or_path: "other/base" }, [], "F32");
  return {
    files,
    paths: ["/runs/odd/pissa-init", "/runs/odd/trained", "/runs/odd/rewritten", "/runs/odd/broken"],
  };
}

/** Nothing tells a stage: neither files nor names, and the factors are those of no recipe. */
function unstaged(): AdapterRun {
  const random = randomNumbers(41);
  const files = new MemoryFiles();
  const one = layers(1, ["proj"], () => withSpectrum(9, 8, spectrum(1, 1, 0), random));
  writeAdapterFolder(files, "/runs/x/a", one);
  writeAdapterFolder(
    files,
    "/runs/x/b",
    eachModule(one, (module) => moved(module, 0.2, random)),
  );
  return { files, paths: ["/runs/x/a", "/runs/x/b"] };
}

export const adapterRuns: Readonly<Record<string, () => AdapterRun>> = {
  pipeline,
  /** 8 × 504 modules. */
  many: () => checkpoints(72, 8),
  /** A run of 40 checkpoints of 28 modules, to be followed. */
  long: () => {
    const { files, paths } = checkpoints(4, 40);
    return { files, paths: paths.slice(0, 8), timeline: paths };
  },
  odd,
  unstaged,
};
