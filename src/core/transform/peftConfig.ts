import { isTargetParameter, wrappedParameter } from "../adapter/expertNames";
import type { JsonObject, JsonValue } from "../json/parseJson";
import type { WrittenModule } from "./adapterOutput";

/** What a PEFT configuration says of ranks and scales, for `adapter_config.json`. */
export interface RankFields {
  readonly r: number;
  readonly lora_alpha: number;
  readonly rank_pattern: Readonly<Record<string, number>>;
  readonly alpha_pattern: Readonly<Record<string, number>>;
}

/**
 * The most common rank and alpha as defaults, and the other modules as exceptions under their whole paths, longest
 * first: PEFT takes the first key that matches the end of a path (lora.md §3.3).
 */
export function rankFields(modules: readonly Pick<WrittenModule, "module" | "rank" | "scale">[]): RankFields {
  const r = mostCommon(modules.map(({ rank }) => rank)) ?? 8;
  const alphas = modules.map(({ scale, rank }) => scale * rank);
  const usual = modules.findIndex(({ rank }) => rank === r);
  const lora_alpha =
    mostCommon(alphas.filter((_, index) => modules[index]?.rank === r)) ?? alphas[usual] ?? r;
  const longestFirst = modules
    .map((module, index) => ({ ...module, alpha: alphas[index] ?? 0 }))
    .sort((a, b) => b.module.length - a.module.length);
  const keyOf = patternKeys(modules.map(({ module }) => module));
  const pattern = (value: (module: (typeof longestFirst)[number]) => number, usualValue: number) =>
    Object.fromEntries(
      longestFirst
        .filter((module) => value(module) !== usualValue)
        .map((module) => [keyOf(module.module), value(module)]),
    );
  return {
    r,
    lora_alpha,
    rank_pattern: pattern(({ rank }) => rank, r),
    alpha_pattern: pattern(({ alpha }) => alpha, lora_alpha),
  };
}

/** A path that another one ends with would match it too; `^` keeps it to itself. */
function patternKeys(modules: readonly string[]): (module: string) => string {
  const endings = new Set<string>();
  for (const module of modules) {
    for (let at = module.indexOf("."); at >= 0; at = module.indexOf(".", at + 1)) {
      endings.add(module.slice(at + 1));
    }
  }
  return (module) => (endings.has(module) ? `^${module}` : module);
}

function mostCommon(values: readonly number[]): number | undefined {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([a, countA], [b, countB]) => countB - countA || b - a)[0]?.[0];
}

/** Fields of methods that the written adapter no longer is; their values would be wrong or refused. */
const foreignFields: ReadonlySet<string> = new Set([
  ...["target_r", "init_r", "tinit", "tfinal", "deltaT", "beta1", "beta2", "orth_reg_weight", "total_step"],
  ...[
    "alpha",
    "rank_dropout",
    "module_dropout",
    "use_effective_conv2d",
    "decompose_both",
    "decompose_factor",
  ],
  ...["rank_dropout_scale", "lora_parameters", "fine_tune_type"],
  ...["kasa_config", "velora_config", "monteclora_config"],
]);

/** What PEFT's configurations of other methods share with LoRA's (`PeftConfig` and fields of one meaning). */
const sharedFields: ReadonlySet<string> = new Set([
  ...["task_type", "base_model_name_or_path", "revision", "auto_mapping", "peft_version", "inference_mode"],
  ...["target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "modules_to_save"],
  ...["bias", "fan_in_fan_out", "trainable_token_indices", "ensure_weight_tying"],
]);

/** Whether a field of the parent's configuration is one of LoRA's; AdaLoRA's are LoRA's and more. */
function isKept(parent: JsonObject, field: string): boolean {
  const method = parent.get("peft_type");
  return !foreignFields.has(field) && (method === "LORA" || method === "ADALORA" || sharedFields.has(field));
}

/**
 * The text of `adapter_config.json`: what the parent's configuration says, with the ranks and scales of the new
 * factors. `init_lora_weights` is true, because any other value would make PEFT initialise or change the base again.
 */
export function peftConfigText(
  parent: JsonObject | undefined,
  modules: readonly WrittenModule[],
  given: Readonly<Record<string, unknown>>,
): string {
  // PEFT fails at null where it asks for a value.
  const isEmpty = (key: string, value: JsonValue) => value === null && (defaults[key] ?? null) !== null;
  const kept = [...(parent ?? [])].filter(
    ([key, value]) => parent !== undefined && isKept(parent, key) && !isEmpty(key, value),
  );
  const isPeft = parent?.has("peft_type") === true;
  const fields: Record<string, unknown> = {
    ...defaults,
    target_modules: modules.map(({ module }) => module),
    ...(isPeft ? Object.fromEntries(kept.map(([key, value]) => [key, plain(value)])) : {}),
    ...given,
    peft_type: "LORA",
    use_rslora: false,
    init_lora_weights: true,
    inference_mode: true,
  };
  const targets = { targetParameters: textsOf(fields.target_parameters) };
  // PEFT looks a wrapped parameter's rank up under its own path, not under its module's.
  const keyed = modules.map((each) =>
    isTargetParameter(each.module, targets)
      ? { ...each, module: wrappedParameter(each.module, targets) }
      : each,
  );
  return `${JSON.stringify({ ...fields, ...rankFields(keyed) }, undefined, 2)}\n`;
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

/**
 * The configuration of a library that is not PEFT, with the largest of the new ranks: mlx-lm's `lora_parameters`, or
 * mlx-vlm's fields. Its scale is a number of its own and stays.
 */
export function keptConfigText(parent: JsonObject, modules: readonly WrittenModule[]): string {
  const rank = Math.max(...modules.map((module) => module.rank));
  const { lora_parameters: parameters, ...rest } = plain(parent) as {
    readonly lora_parameters?: Record<string, unknown>;
    readonly rank?: unknown;
  };
  const ranked = parameters === undefined ? { rank } : { lora_parameters: { ...parameters, rank } };
  const fields = { ...rest, ...ranked };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

/**
 * A configuration that mlx-lm reads (mlx_lm/tuner/utils.py, `linear_to_lora_layers`): one rank and one scale for all, and
 * the modules to adapt by their paths in a layer, or whole where they stand in none. No count of layers means all.
 */
export function mlxConfigText(
  parent: JsonObject | undefined,
  modules: readonly WrittenModule[],
  given: Readonly<Record<string, unknown>>,
): string {
  const [first] = modules;
  const base = given.base_model_name_or_path ?? parent?.get("base_model_name_or_path");
  const keys = modules.map(({ module }) => module.replace(/^.*?\blayers\.\d+\./, ""));
  const fields = {
    ...(typeof base === "string" ? { model: base } : {}),
    fine_tune_type: "lora",
    num_layers: -1,
    lora_parameters: { rank: first?.rank, scale: first?.scale, dropout: 0, keys: [...new Set(keys)].sort() },
  };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

/** As PEFT writes them, in its order. */
const defaults: Readonly<Record<string, unknown>> = {
  peft_type: "LORA",
  task_type: null,
  base_model_name_or_path: null,
  bias: "none",
  fan_in_fan_out: false,
  lora_dropout: 0,
  modules_to_save: null,
  use_dora: false,
};

function plain(value: JsonValue): unknown {
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([key, member]) => [key, plain(member)]));
  if (typeof value === "bigint") return Number(value);
  return Array.isArray(value) ? value.map(plain) : value;
}
