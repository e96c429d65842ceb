import {
  isJsonArray,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  jsonNumber,
  jsonString,
} from "../json/parseJson";
import { adapterHubConfig } from "./settings/adapterHubConfig";

/**
 * What `adapter_config.json` says about an adapter, as PEFT (0.2 to 0.20) or mlx-lm writes it. A field that is
 * absent or of a wrong type is undefined, or the library's own default where that default decides nothing.
 */
export interface AdapterConfig {
  /** Upper case, e.g. `LORA`. mlx-lm's `fine_tune_type` lora and dora are `LORA`. */
  readonly peftType: string | undefined;
  readonly taskType: string | undefined;
  /** `base_model_name_or_path`, or mlx-lm's `model`. */
  readonly baseModel: string | undefined;
  readonly revision: string | undefined;
  readonly r: number | undefined;
  /** AdaLoRA's rank before pruning, which stays the divisor of its scale. */
  readonly initR: number | undefined;
  /** NaN where something is written that is no number. */
  readonly loraAlpha: number | undefined;
  readonly useRslora: boolean;
  readonly useDora: boolean;
  /** The base stores its weights in×out (GPT-2's Conv1D): transposed relative to ΔW. */
  readonly fanInFanOut: boolean;
  readonly bias: string | undefined;
  /**
   * How B's columns lie where fused experts are adapted (`lora_B_layout`, which unsloth writes since September 2026):
   * PEFT's order, or one expert after another.
   */
  readonly expertColumns: "rank_major" | "grouped_by_expert" | undefined;
  /** unsloth says that it made the file, or its name stands in the base model's. */
  readonly isOfUnsloth: boolean;
  /** A list of names, or one regular expression, or `all-linear`. */
  readonly targetModules: readonly string[] | string | undefined;
  /** Parameters (not modules) that are adapted: fused mixture-of-experts weights. */
  readonly targetParameters: readonly string[];
  readonly modulesToSave: readonly string[];
  /**
   * Exceptions from `r`, in the order of the file: the first key that matches a module counts. AdaLoRA's lists
   * of booleans are given as the number of components that are left, under the module's path.
   */
  readonly rankPattern: ReadonlyMap<string, number>;
  readonly alphaPattern: ReadonlyMap<string, number>;
  /** The recipe that initialised the factors. It is not updated after training. */
  readonly initLoraWeights: boolean | string | undefined;
  readonly peftVersion: string | undefined;
  /** Inputs that QALoRA averages (`use_qalora`); undefined for others. */
  readonly qaloraGroupSize: number | undefined;
  /** BD-LoRA's block-diagonal factors (`use_bdlora`): how many blocks, and in which modules A has them. */
  readonly blocks: { readonly count: number; readonly modulesOfA: readonly string[] } | undefined;
  /** PEFT until 0.2 and litgpt: which parts of a fused layer are adapted. */
  readonly enableLora: readonly boolean[] | undefined;
  /** aLoRA: acts only after its invocation tokens. */
  readonly isActivated: boolean;
  /** Arrow: several adapters are mixed by the input. */
  readonly isRouted: boolean;
  /** Vectors of its bank that VB-LoRA mixes. */
  readonly topk: number | undefined;
  /** Rows of the embedding that are trained, where they are listed. */
  readonly trainableTokens: readonly number[];
  /** `ensure_weight_tying`: what is done to an embedding is done to the head that is tied to it. */
  readonly tiesWeights: boolean;
  /** The same by the embedding's name; under "" those of the input embedding, in the order of the rows that are kept. */
  readonly tokenRows: ReadonlyMap<string, readonly number[]>;
  /** `layer_replication`: the ranges of the base's layers, ends excluded, that the adapted model is made of. */
  readonly layerRanges: readonly (readonly [number, number])[];
  /** Set when the file is mlx-lm's training configuration. */
  readonly mlx: MlxConfig | undefined;
}

export interface MlxConfig {
  /** `lora`, `dora` or `full`. */
  readonly fineTuneType: string;
  readonly rank: number | undefined;
  /** Used directly; versions of early 2024 multiplied it by alpha / rank. */
  readonly scale: number | undefined;
  readonly alpha: number | undefined;
  /** Number of layers adapted, counted from the last; -1 for all. */
  readonly layers: number | undefined;
  /** Modules of a layer that are adapted, by their paths in it. Undefined where the model's own choice holds. */
  readonly keys: readonly string[] | undefined;
}

/** Methods whose configuration has `alpha` and no `lora_alpha`. */
const namesItAlpha: ReadonlySet<string | undefined> = new Set(["LOHA", "LOKR", "GRALORA"]);

/** Never fails: whatever is not as expected is undefined. */
export function parseAdapterConfig(value: JsonValue): AdapterConfig {
  const written: JsonObject = isJsonObject(value) ? value : new Map();
  const object = adapterHubConfig(written) ?? written;
  const mlx = parseMlxConfig(object);
  const peftType = stringOf(object, "peft_type")?.toUpperCase() ?? mlxPeftType(mlx);
  return {
    peftType,
    taskType: stringOf(object, "task_type"),
    baseModel: stringOf(object, "base_model_name_or_path") ?? (mlx && stringOf(object, "model")),
    revision: stringOf(object, "revision"),
    r: numberOf(object, "r") ?? numberOf(object, "lora_r") ?? mlx?.rank,
    initR: numberOf(object, "init_r"),
    loraAlpha:
      alphaOf(object, "lora_alpha") ?? (namesItAlpha.has(peftType) ? alphaOf(object, "alpha") : mlx?.alpha),
    useRslora: isTrue(object.get("use_rslora")),
    useDora: isTrue(object.get("use_dora")) || mlx?.fineTuneType === "dora",
    fanInFanOut: object.get("fan_in_fan_out") === true,
    bias: stringOf(object, "bias"),
    expertColumns: expertColumnsOf(stringOf(object, "lora_B_layout")),
    isOfUnsloth: isOfUnsloth(object),
    targetModules: stringOf(object, "target_modules") ?? stringsOf(object, "target_modules"),
    targetParameters: stringsOf(object, "target_parameters") ?? [],
    modulesToSave: stringsOf(object, "modules_to_save") ?? [],
    rankPattern: patternOf(object, "rank_pattern"),
    alphaPattern: patternOf(object, "alpha_pattern"),
    initLoraWeights: initOf(object.get("init_lora_weights")),
    peftVersion: stringOf(object, "peft_version"),
    qaloraGroupSize:
      object.get("use_qalora") === true ? (numberOf(object, "qalora_group_size") ?? 16) : undefined,
    blocks: blocksOf(object.get("use_bdlora")),
    enableLora: booleansOf(object.get("enable_lora")) ?? litgptParts(object),
    isActivated: isJsonArray(object.get("alora_invocation_tokens")),
    isRouted: isJsonObject(object.get("arrow_config")),
    topk: numberOf(object, "topk"),
    trainableTokens: tokensOf(object.get("trainable_token_indices")),
    tiesWeights: object.get("ensure_weight_tying") === true,
    tokenRows: tokenRows(object.get("trainable_token_indices") ?? object.get("token_indices")),
    layerRanges: rangesOf(object.get("layer_replication")),
    mlx,
  };
}

function rangesOf(value: JsonValue | undefined): AdapterConfig["layerRanges"] {
  if (!isJsonArray(value)) return [];
  return value.flatMap((range) => {
    const [first, end] = isJsonArray(range) ? range.map(jsonNumber) : [];
    return first === undefined || end === undefined ? [] : [[first, end] as const];
  });
}

function expertColumnsOf(layout: string | undefined): AdapterConfig["expertColumns"] {
  return layout === "rank_major" || layout === "grouped_by_expert" ? layout : undefined;
}

function isOfUnsloth(object: JsonObject): boolean {
  const mapping = object.get("auto_mapping");
  if (isJsonObject(mapping) && mapping.get("unsloth_fixed") === true) return true;
  return /^unsloth\//i.test(stringOf(object, "base_model_name_or_path") ?? "");
}

function blocksOf(value: JsonValue | undefined): AdapterConfig["blocks"] {
  if (!isJsonObject(value)) return undefined;
  return {
    count: numberOf(value, "nblocks") ?? 1,
    modulesOfA: stringsOf(value, "target_modules_bd_a") ?? [],
  };
}

function booleansOf(value: JsonValue | undefined): readonly boolean[] | undefined {
  return isJsonArray(value) ? value.filter((item) => typeof item === "boolean") : undefined;
}

/** litgpt's switches for the parts of its fused attention. */
function litgptParts(object: JsonObject): readonly boolean[] | undefined {
  const parts = ["lora_query", "lora_key", "lora_value"].map((key) => object.get(key));
  return parts.every((part) => typeof part === "boolean") ? parts : undefined;
}

function tokenRows(value: JsonValue | undefined): AdapterConfig["tokenRows"] {
  return isJsonObject(value)
    ? new Map([...value].map(([name, each]) => [name, tokensOf(each)]))
    : new Map([["", tokensOf(value)]]);
}

/** A list for the input embedding, or lists by the name of an embedding. */
function tokensOf(value: JsonValue | undefined): readonly number[] {
  if (isJsonObject(value)) return [...value.values()].flatMap(tokensOf);
  return isJsonArray(value) ? value.filter((item) => typeof item === "number") : [];
}

/** mlx-vlm's three fields; it multiplied by alpha alone, as long as it wrote this file. */
function parseMlxVlmConfig(object: JsonObject): MlxConfig | undefined {
  const alpha = numberOf(object, "alpha");
  const rank = numberOf(object, "rank");
  if (alpha === undefined || rank === undefined || object.has("r") || object.has("lora_alpha"))
    return undefined;
  return { fineTuneType: "lora", rank, scale: alpha, alpha: undefined, layers: undefined, keys: undefined };
}

/** mlx-lm saves its whole training configuration under PEFT's file name. */
function parseMlxConfig(object: JsonObject): MlxConfig | undefined {
  const parameters = object.get("lora_parameters");
  const fineTuneType = stringOf(object, "fine_tune_type");
  if (object.has("peft_type")) return undefined;
  if (fineTuneType === undefined && !isJsonObject(parameters)) return parseMlxVlmConfig(object);
  const lora: JsonObject = isJsonObject(parameters) ? parameters : new Map();
  return {
    fineTuneType: fineTuneType ?? "lora",
    rank: numberOf(lora, "rank"),
    scale: numberOf(lora, "scale"),
    alpha: numberOf(lora, "alpha"),
    layers: numberOf(object, "num_layers") ?? numberOf(object, "lora_layers"),
    keys: stringsOf(lora, "keys"),
  };
}

function mlxPeftType(mlx: MlxConfig | undefined): string | undefined {
  return mlx === undefined || mlx.fineTuneType === "full" ? undefined : "LORA";
}

function stringOf(object: JsonObject, key: string): string | undefined {
  return jsonString(object.get(key));
}

/** A finite number; NaN and infinities, which Python can write, would only spread. */
/** NaN where it is written and no number: no scale can be computed by it, and the default does not hold either. */
function alphaOf(object: JsonObject, key: string): number | undefined {
  if (!object.has(key)) return undefined;
  return jsonNumber(object.get(key)) ?? Number.NaN;
}

/** As Python takes it: PEFT asks `if use_rslora`, of whatever stands there. */
function isTrue(value: JsonValue | undefined): boolean {
  if (isJsonArray(value)) return value.length > 0;
  return isJsonObject(value) ? value.size > 0 : Boolean(value);
}

function numberOf(object: JsonObject, key: string): number | undefined {
  const number = jsonNumber(object.get(key));
  return number !== undefined && Number.isFinite(number) ? number : undefined;
}

function stringsOf(object: JsonObject, key: string): readonly string[] | undefined {
  const value = object.get(key);
  return isJsonArray(value) ? value.filter((item) => typeof item === "string") : undefined;
}

function patternOf(object: JsonObject, key: string): ReadonlyMap<string, number> {
  const pattern = new Map<string, number>();
  const value = object.get(key);
  if (!isJsonObject(value)) return pattern;
  for (const [name, entry] of value) {
    const number = jsonNumber(entry);
    if (number !== undefined && Number.isFinite(number)) pattern.set(name, number);
    else if (isJsonArray(entry)) pattern.set(adaloraModule(name), countTrue(entry));
  }
  return pattern;
}

/** AdaLoRA names its lists by the tensor of singular values: `base_model.model.PATH.lora_E[.ADAPTER]`. */
function adaloraModule(key: string): string {
  return key.replace(/^(?:base_model\.model\.)+/, "").replace(/\.lora_E(?:\.[^.]*)?$/, "");
}

function countTrue(list: readonly JsonValue[]): number {
  return list.reduce((count: number, item) => {
    if (isJsonArray(item)) return count + countTrue(item);
    return item === true ? count + 1 : count;
  }, 0);
}

function initOf(value: JsonValue | undefined): boolean | string | undefined {
  return typeof value === "boolean" || typeof value === "string" ? value : undefined;
}
