import type { EntryKind } from "../bytes/files";
import { agentArchive, bareNet } from "../formats/fileKinds";

/** What a file of a checkpoint folder is for (formats.md §4 and §7). */
export type Part =
  | "weights"
  | "adapter"
  | "adapter-config"
  | "optimizer"
  | "scheduler"
  | "rng-state"
  | "scaler"
  | "training-args"
  | "trainer-state"
  | "config"
  | "generation-config"
  | "tokenizer"
  | "log"
  | "stage-label"
  | "other";

/** A name in a checkpoint folder; `size` in bytes where it is known. */
export interface PartEntry {
  readonly name: string;
  readonly kind: EntryKind;
  readonly size?: number;
}

/** An entry with what it is. */
export interface PartFile extends PartEntry {
  readonly part: Part;
  /** Parts that lie inside this file or folder as well: DeepSpeed keeps the schedule with the weights. */
  readonly alsoHolds: readonly Part[];
}

export interface MissingPart {
  readonly part: Part;
  /** What cannot be done or known without it. */
  readonly meaning: string;
}

export interface PartsAssessment {
  readonly present: readonly Part[];
  readonly missing: readonly MissingPart[];
  readonly resumable: { readonly answer: "yes" | "partly" | "no"; readonly reason: string };
}

interface Rule {
  readonly part: Part;
  readonly kind: EntryKind;
  readonly name: RegExp;
  readonly alsoHolds?: readonly Part[];
}

const file = (part: Part, name: RegExp, alsoHolds?: readonly Part[]): Rule => ({
  part,
  kind: "file",
  name,
  ...(alsoHolds === undefined ? {} : { alsoHolds }),
});

const directory = (part: Part, name: RegExp, alsoHolds?: readonly Part[]): Rule => ({
  ...file(part, name, alsoHolds),
  kind: "directory",
});

const inDeepSpeedModel: readonly Part[] = ["scheduler", "trainer-state"];

/** The first rule that fits counts: names of optimizer files end like weights. */
const rules: readonly Rule[] = [
  // The Trainer's; sd-scripts' and others'.
  file("trainer-state", /^train(?:er|ing)?_(?:state|progress)\.json$/),
  file("training-args", /^training_args\.(?:bin|json|yaml)$/),
  file("adapter-config", /^adapter_config\.json$/),
  file("stage-label", /^checkpoint-stage\.json$/),
  file("config", /^config\.json$/),
  file("generation-config", /^generation_config\.json$/),
  file("tokenizer", /^(?:tokenizer|vocab|merges|spiece|sentencepiece)[\w.]*\.(?:json|txt|model|tiktoken)$/),
  file(
    "tokenizer",
    /^(?:special_tokens_map|added_tokens|(?:pre)?processor_config)\.json$|^chat_template\.\w+$/,
  ),
  file("log", /^events\.out\.tfevents\.|^(?:trainer_log|metrics)\.(?:jsonl|csv)$|\.log$|\.wandb$/),
  file("log", /^(?:all|train|eval|predict|test)_results\.json$/),
  file("optimizer", /^optimizer(?:_\d+)?\.(?:pt|pth|bin|safetensors)$|^distrib_optim\.pt$/),
  // Beside a model of the same name: Stable-Baselines3's `policy.optimizer.pth`, `actor_optimizer.pt`.
  file("optimizer", /^(?!.*(?:model|net|ckpt|checkpoint))[\w.-]*[._-]optimizer\.(?:pt|pth|bin)$/i),
  file("optimizer", /^(?:bf16_|fp16_)?zero_pp_rank_\d+_mp_rank_\d+_optim_states\.pt$|_optim_states\.pt$/),
  file("optimizer", /^recipe_state\.pt$/, ["trainer-state"]),
  file("scheduler", /^(?:lr_)?scheduler(?:_\d+)?\.(?:pt|pth|bin)$/),
  file("rng-state", /^rng_state(?:_\d+)?\.pth$|^random_states_\d+\.pkl$/),
  file("scaler", /^(?:grad_)?scaler\.(?:pt|bin)$/),
  file(
    "other",
    /^(?:sampler|dl_state_dict)(?:_\d+)?\.bin$|^custom_checkpoint_\d+\.pkl$|^(?:latest|zero_to_fp32\.py)$/,
  ),
  file("adapter", /^adapter_model(?:-\d{5}-of-\d{5})?\.(?:safetensors|bin|pt)$/),
  file("adapter", /^adapter_model\.(?:safetensors|bin)\.index\.json$/),
  file(
    "adapter",
    /^(?:\d+_)?adapters\.(?:safetensors|npz)$|^adapter_\d+\.pt$|^pytorch_lora_weights\.(?:safetensors|bin)$|^(?:pytorch_)?adapter\.(?:safetensors|bin)$/,
  ),
  file("weights", /^model_optim_rng\.pt$/, ["optimizer", "scheduler", "rng-state", "trainer-state"]),
  // verl: the place of its data loader, and the ranks' slices of the optimizer and the random state.
  file("other", /^data\.pt$/),
  file("optimizer", /^optim_world_size_\d+_rank_\d+\.pt$/),
  file("rng-state", /^extra_state_world_size_\d+_rank_\d+\.pt$/, ["scheduler"]),
  file("weights", /_model_states\.pt$/, inDeepSpeedModel),
  file("weights", /\.(?:safetensors|bin)\.index\.json$|\.safetensors$|\.gguf$|\.nemo$/),
  // A distributed checkpoint: `.metadata` is the directory of the .distcp files, and written last.
  file("weights", /^\.metadata$|\.distcp$/),
  // A step of Orbax; an item of one: what arrays there are, and the database that holds them.
  file("weights", /^_CHECKPOINT_METADATA$|^_METADATA$|^manifest\.ocdbt$/),
  // Parts that are trained alone: LLaVA's projector, and what it trains beside an adapter; rows for new tokens.
  file("weights", /^(?:mm_projector|non_lora_trainables|learned_embeds.*)\.bin$/),
  file("weights", /^(?:.*model.*|consolidated.*)\.bin$|^(?:weights|model)[\w.]*\.npz$/),
  file(
    "weights",
    /\.(?:pt|pth|ckpt)(?:\.tar)?$|\.weights\.(?:h5|json)$|\.keras$|^(?:tf_model|model)\.h5$|\.msgpack$/,
  ),
  file("weights", agentArchive),
  // TensorFlow's bundle: its directory, and the values.
  file("weights", /^[^.].*\.index$|\.data-\d{5}-of-\d{5}$/),
  // PaddlePaddle's, StyleGAN's, CleanRL's, RLlib's.
  file("weights", /\.pdparams$|^network-snapshot-\d+\.pkl$|\.cleanrl_model$|^policy_state\.pkl$/),
  file("optimizer", /\.pdopt$/),
  // Each parameter whole, with its moments.
  directory("weights", /^global_step\d+_universal$/, ["optimizer", ...inDeepSpeedModel]),
  // ZeRO-3 keeps the weights nowhere else, unless they are gathered when it saves.
  directory("optimizer", /^global_step\d+$/, ["weights", ...inDeepSpeedModel]),
  directory("optimizer", /^optimizer(?:_\d+)?$/),
  directory("optimizer", /^recipe_state$/, ["trainer-state"]),
  directory("weights", /^pytorch_model_fsdp(?:_\d+)?$|^model_\d+$/),
  directory("weights", /^mp_rank_\d+(?:_\d+)*$/, ["optimizer", "scheduler", "rng-state", "trainer-state"]),
  // verl: the slices of all ranks, with the optimizer and the random state of each.
  directory("weights", /^(?:actor|critic)$/, ["optimizer", "scheduler", "rng-state"]),
  directory("log", /^(?:runs|logs|wandb|tensorboard)$/),
];

/** What a file or folder is, by its name alone. */
export function classifyEntry(entry: PartEntry): PartFile {
  const bare = entry.kind === "file" ? bareNet.exec(entry.name) : null;
  if (bare !== null)
    return { ...entry, part: bare[1] === undefined ? "weights" : "optimizer", alsoHolds: [] };
  const rule = rules.find(({ kind, name }) => kind === entry.kind && name.test(entry.name));
  return { ...entry, part: rule?.part ?? "other", alsoHolds: rule?.alsoHolds ?? [] };
}

/**
 * What a folder in a checkpoint's folder is, by its name, else by the files in it: PEFT keeps each adapter but the
 * one called "default" in a folder of its name, the scripts of diffusers each model (`unet`, `unet_ema`).
 */
export function classifyFolder(name: string, files: readonly Pick<PartEntry, "name">[]): PartFile {
  const byName = classifyEntry({ name, kind: "directory" });
  if (byName.part !== "other") return byName;
  const isAdapter = ["adapter-config", "adapter"].every((part) =>
    files.some((file) => classifyEntry({ name: file.name, kind: "file" }).part === part),
  );
  if (isAdapter) return { ...byName, part: "adapter" };
  return files.some((file) => isLibraryWeights(file.name)) ? { ...byName, part: "weights" } : byName;
}

/** Weights under the names of the libraries, which belong with what lies beside them. */
export function isLibraryWeights(name: string): boolean {
  return /^(?:adapter_|(?:diffusion_)?pytorch_)?(?:model|lora_weights)(?:[.-].*)?\.(?:safetensors|bin)(?:\.index\.json)?$/.test(
    name,
  );
}

/**
 * Of several adapters or models in folders of their own the one that was trained; a copy that it was held against,
 * or a moving average of it, is not. Of the models of a pipeline it is the one that removes the noise.
 */
export function mainFolder<T extends Pick<PartFile, "name" | "part">>(folders: readonly T[]): T | undefined {
  const adapters = folders.filter(({ part }) => part === "adapter");
  const trained = (adapters.length > 0 ? adapters : folders).filter(({ name }) => !isCopy(name));
  return (
    trained.find(({ name }) => name === "default") ??
    trained.find(({ name }) => /^(?:unet|transformer|controlnet|prior)(?:_|$)/.test(name)) ??
    trained[0] ??
    adapters[0] ??
    folders[0]
  );
}

/** What PEFT's trainers call the adapter that they hold the trained one against, and scripts their moving averages. */
function isCopy(name: string): boolean {
  return /^ref(?:erence)?(?:_|$)/i.test(name) || isMovingAverage(name);
}

export function isMovingAverage(name: string): boolean {
  return /(?:^|_)ema(?:_|$)/i.test(name);
}

/** What people call a part. */
export const partLabels: Readonly<Record<Part, string>> = {
  weights: "model weights",
  adapter: "adapter weights",
  "adapter-config": "adapter configuration",
  optimizer: "optimizer state",
  scheduler: "scheduler state",
  "rng-state": "random state",
  scaler: "gradient scaler",
  "training-args": "training arguments",
  "trainer-state": "training progress and log",
  config: "model configuration",
  "generation-config": "generation configuration",
  tokenizer: "tokenizer",
  log: "log files",
  "stage-label": "stage label",
  other: "other files",
};

const meanings: ReadonlyMap<Part, string> = new Map([
  ["weights", "There are no parameters here: nothing can be evaluated."],
  [
    "adapter-config",
    "Rank, alpha and the base model are not recorded: loaders refuse the adapter without it.",
  ],
  ["config", "The model's architecture is not recorded: loaders need the config.json of the base model."],
  ["optimizer", "Training restarts with cold moments: the first steps are noisier than they were."],
  ["scheduler", "The learning-rate schedule starts from its beginning, warm-up included."],
  ["rng-state", "Dropout and data order differ from the training that was interrupted."],
  ["trainer-state", "Step, epoch and the log so far are unknown."],
]);

/**
 * Which parts are there, which are missing and what that means, and whether training can go on from here.
 * @param knowsStep something else than a trainer's state tells the step, such as the optimizer's own count
 */
export function assessParts(
  parts: readonly Pick<PartFile, "part" | "alsoHolds">[],
  knowsStep = false,
): PartsAssessment {
  const held = new Set(parts.flatMap(({ part, alsoHolds }) => [part, ...alsoHolds]));
  const hasParameters = held.has("weights") || held.has("adapter");
  const missing: MissingPart[] = [];
  for (const [part, meaning] of meanings) {
    if (part === "weights" ? hasParameters : held.has(part)) continue;
    // An adapter brings its own config, a model its own; the other's is not missing.
    if (part === "adapter-config" && !held.has("adapter")) continue;
    if (part === "config" && parts.every((own) => own.part !== "weights")) continue;
    missing.push({ part, meaning: part === "trainer-state" && knowsStep ? withoutLog : meaning });
  }
  return { present: [...held], missing, resumable: resumability(held, hasParameters, knowsStep) };
}

const withoutLog = "Epoch and the log so far are unknown.";

function resumability(
  held: ReadonlySet<Part>,
  hasParameters: boolean,
  knowsStep: boolean,
): PartsAssessment["resumable"] {
  if (!hasParameters) {
    return { answer: "no", reason: "No parameters are here: it can be neither evaluated nor resumed." };
  }
  if (!held.has("optimizer")) {
    if (!held.has("trainer-state") && !held.has("scheduler")) {
      const reason =
        "Parameters alone: they can be evaluated, or be the start of a new training, but not resumed.";
      return { answer: "no", reason };
    }
    const reason =
      "The optimizer state is missing: training can go on from these parameters, but with cold moments.";
    return { answer: "partly", reason };
  }
  const absent = (["scheduler", "rng-state", "trainer-state"] as const).filter((part) => !held.has(part));
  if (absent.length === 0) {
    const reason =
      "Parameters, optimizer, scheduler, random state and progress are here: " +
      "training resumes exactly where it stopped, if they are whole and fit together, which Health looks into.";
    return { answer: "yes", reason };
  }
  const losses = absent
    .map((part) => (part === "trainer-state" && knowsStep ? "the log starts anew" : lossWithout[part]))
    .join("; ");
  return {
    answer: "partly",
    reason: `Parameters and optimizer are here: the moments are kept, if the two fit together, which Health looks into; but ${losses}.`,
  };
}

const lossWithout = {
  scheduler: "without the scheduler the learning rate starts over",
  "rng-state": "without the random state dropout and data order differ",
  "trainer-state": "without the training progress step and log start at 0",
} as const;

const shard = /-\d{5}-of-\d{5}\./;

/** Best first: what people mean by "open this checkpoint". */
const preferred: readonly RegExp[] = [
  /^adapter_model\.safetensors$/,
  /^adapter_model\.safetensors\.index\.json$/,
  /^model\.safetensors\.index\.json$/,
  /^model\.safetensors$/,
  /\.safetensors\.index\.json$/,
  /^adapters\.safetensors$/,
  /^(?:pytorch_lora_weights|adapter)\.safetensors$/,
  /\.safetensors$/,
  /^(?:adapter_model\.(?:bin|pt)|pytorch_adapter\.bin)$/,
  /^pytorch_model\.bin\.index\.json$/,
  /\.bin\.index\.json$/,
  /^pytorch_model\.bin$/,
  /\.gguf$/,
  /\.nemo$/,
  /^\.metadata$/,
  /\.bin$/,
  /\.(?:pt|pth|ckpt)$/,
  /\.weights\.json$/,
];

/** The file to open for a folder: its parameters, an index before its shards. Undefined without any. */
export function mainFile(entries: readonly PartEntry[]): string | undefined {
  const parameters = entries.filter((entry) => {
    const { part } = classifyEntry(entry);
    return entry.kind === "file" && (part === "weights" || part === "adapter");
  });
  const names = withoutStaleIndexes(parameters).sort(emptyLast);
  for (const pattern of preferred) {
    const found = names.find(({ name }) => pattern.test(name));
    if (found !== undefined && found.size !== 0) return found.name;
  }
  return names[0]?.name;
}

/** An index left over from an earlier, sharded save: no shard of it is there, but a whole file is. */
function withoutStaleIndexes(entries: readonly PartEntry[]): PartEntry[] {
  return entries.filter(({ name }) => {
    if (!name.endsWith(".index.json")) return true;
    const wholeName = name.slice(0, -".index.json".length);
    const stem = wholeName.slice(0, wholeName.lastIndexOf("."));
    const hasShards = entries.some((other) => shard.test(other.name) && other.name.startsWith(stem));
    return hasShards || !entries.some((other) => other.name === wholeName);
  });
}

function emptyLast(a: PartEntry, b: PartEntry): number {
  const empty = Number(a.size === 0) - Number(b.size === 0);
  return empty !== 0 ? empty : a.name < b.name ? -1 : Number(a.name > b.name);
}
