import type { Adapter } from "../adapter/adapter";
import type { AdapterConfig } from "../adapter/adapterConfig";
import { modulePath } from "../adapter/loraKey";
import { isProductMethod, modulesBelow } from "../adapter/methods/methodTable";
import { isJsonArray, type JsonValue, jsonNumber, jsonString } from "../json/parseJson";
import type { Problem } from "../problem/problem";
import { lastPart } from "../text/lastPart";
import {
  type PatternBudget,
  PatternBudgetError,
  PatternSyntaxError,
  PythonPattern,
} from "../text/pythonPattern";
import { plural } from "../text/quantities";
import { type HealthSubject, isWhole } from "./healthSubject";
import { unnamedTargets } from "./peft/unnamedTargets";
import { isOfPeft } from "./peftLoading";

/** About a second of matching; 10,000 modules against a real expression take a hundredth of it. */
const stepBudget = 20_000_000;

type Selects = (module: string) => boolean;

/** Methods of PEFT that make nothing in the modules that `target_modules` chooses, or not there alone. */
const withoutTargets: ReadonlySet<string> = new Set([
  "ADAPTION_PROMPT",
  "SHADOW",
  "TRAINABLE_TOKENS",
  "XLORA",
]);

/**
 * Trained modules that the configuration does not select. PEFT first makes those that `target_modules`,
 * `layers_to_transform` and `exclude_modules` choose (tuners_utils.py, check_target_module_exists), and leaves the rest
 * of the file without a word.
 */
export function peftTargets(subject: HealthSubject): readonly Problem[] {
  const { adapter, adapterConfig: config, folder } = subject;
  if (adapter === undefined || config?.peftType === undefined || withoutTargets.has(config.peftType))
    return [];
  if (!isOfPeft(subject) || !isWhole(subject)) return [];
  // Parameters of experts are chosen by a setting of their own.
  if (config.targetParameters.length > 0) return [];
  const isLora = config.peftType === "LORA";
  const unnamed = isLora ? [...unnamedExperts(subject), ...unnamedTargets(subject)] : [];
  if (unnamed.length > 0) return unnamed;
  const selects = selectionOf(config, (field) => folder.adapterConfig?.value.get(field));
  const modules = trainedModules(adapter, config.peftType);
  if (selects === undefined || modules.length === 0) return [];
  try {
    const lost = modules.filter((module) => !selects(module));
    return lost.length === 0 ? [] : [leftOut(lost, modules.length)];
  } catch (error) {
    if (error instanceof PatternBudgetError) return [];
    throw error;
  }
}

/** Paths in the base model, of factors and of what other methods train. */
function trainedModules({ modules, otherTensors }: Adapter, method: string): readonly string[] {
  const ofFactors = modules.filter(({ layout }) => layout !== "experts").map(({ module }) => module);
  const names = isProductMethod(method) ? [] : otherTensors.map(({ name }) => name);
  // What all modules share stands below no module.
  const below = modulesBelow(method, names).filter((path) => /^base_model\.model\.[^.]/.test(path));
  const others = below.map((path) => modulePath(path.replace(/\.$/, "")));
  return [...new Set([...ofFactors.map((path) => path.replace(/ \(.*\)$/, "")), ...others])];
}

/** Names by which transformers 5 takes `target_modules` for parameters of experts, as it loads. */
const ofExperts = /expert|gate|up_proj|down_proj|^w[123]$|linear/;

/** Factors of fused experts, which PEFT makes by `target_parameters` alone. */
function unnamedExperts({ adapter, adapterConfig: config }: HealthSubject): readonly Problem[] {
  const targets = config?.targetModules;
  if (!Array.isArray(targets) || targets.length === 0 || targets.some((one) => ofExperts.test(one)))
    return [];
  const lost = (adapter?.modules ?? []).filter(
    ({ layout, a }) => layout === "experts" && /\.experts(?:\.base_layer)*\.lora_A\.weight$/.test(a.name),
  );
  const [first] = lost;
  if (first === undefined) return [];
  const message = `${plural(lost.length, "module")} of the file ${lost.length === 1 ? "is" : "are"} factors of fused experts, first ${first.module}, and the configuration names no target_parameters, by which alone PEFT makes these: it leaves them out without a word.`;
  return [{ severity: "warning", code: "UnselectedModules", message, tensor: first.a.name }];
}

/** Linear layers, as models of transformers name them: of others it is not known what class they are. */
const linearName =
  /(?:^|\.)(?:[qkvo]_proj|(?:gate|up|down|out|qkv|gate_up)_proj|c_attn|c_proj|c_fc|query|key|value|query_key_value|dense|dense_h_to_4h|dense_4h_to_h|fc[12]|[qkv]_lin|out_lin|lin[12]|(?:Dense\w*\.)?w[io](?:_[01])?|(?:Self|EncDec)Attention\.[qkvo])$/;

/** Names below no layer that one entry of `target_modules` can only mean, whatever class the model is loaded as. */
const singleName = /^(?:embed_tokens|wte|lm_head|embed_in|embed_out|word_embeddings)$/;

/**
 * Whether the configuration selects a module of the base, which one of its kind is adapted or not; undefined where that
 * cannot be told. In a model of which only its file is known, `all-linear` means what is adapted in another layer, or
 * has the name of a linear layer.
 */
export function peftSelection({
  adapterConfig: config,
  folder,
}: Pick<HealthSubject, "adapterConfig" | "folder">):
  | ((module: string, isKindAdapted: boolean) => boolean)
  | undefined {
  if (config === undefined) return undefined;
  const { targetModules } = config;
  const field = (name: string) => folder.adapterConfig?.value.get(name);
  if (typeof targetModules === "string" && /^all-linear$/i.test(targetModules)) {
    const isExcluded = exclusion(field("exclude_modules"), { steps: stepBudget });
    return (module, isKindAdapted) =>
      /\.\d+\./.test(module) &&
      (isKindAdapted || (linearName.test(module) && !/embed/.test(module))) &&
      isExcluded?.(module) !== true;
  }
  const selects = selectionOf(config, field);
  const listed = Array.isArray(targetModules) ? (targetModules as readonly string[]) : [];
  return (
    selects &&
    ((module) => {
      const isInLayer = /\.\d+\./.test(module);
      return (isInLayer || listed.includes(module) || singleName.test(lastPart(module))) && selects(module);
    })
  );
}

function leftOut(lost: readonly string[], count: number): Problem {
  const which = `${lost.length} of ${plural(count, "module")} of the file ${lost.length === 1 ? "is" : "are"} not among those that the configuration selects (target_modules, layers_to_transform, exclude_modules), first ${lost[0]}`;
  const all = lost.length === count;
  const message = `${which}: PEFT leaves what was trained in ${lost.length === 1 ? "it" : "them"} out without a word${all ? ", so that nothing of the file is loaded" : ""}.`;
  return { severity: all ? "error" : "warning", code: "UnselectedModules", message };
}

/** Undefined where the configuration leaves the choice to the base model, or its expression is not understood. */
function selectionOf(
  { targetModules, modulesToSave, tiesWeights }: AdapterConfig,
  field: (name: string) => JsonValue | undefined,
): Selects | undefined {
  const budget: PatternBudget = { steps: stepBudget };
  const excluded = exclusion(field("exclude_modules"), budget);
  const saved = new Set(modulesToSave);
  // What is trained whole is never given factors.
  const isExcluded: Selects = (module) =>
    excluded?.(module) === true || (saved.size > 0 && module.split(".").some((part) => saved.has(part)));
  if (typeof targetModules === "string") {
    if (targetModules === "" || /^all-linear$/i.test(targetModules)) return undefined;
    const matches = expression(targetModules, budget);
    return matches && ((module) => matches(module) && !isExcluded(module));
  }
  if (targetModules === undefined || targetModules.length === 0) return undefined;
  // The partner of tied embeddings is given factors with them (ensure_weight_tying).
  const tied = tiesWeights && targetModules.some((one) => singleName.test(lastPart(one)));
  const isListed = listed(targetModules);
  const isOfLayer = layerChoice(field("layers_to_transform"), field("layers_pattern"));
  return (module) =>
    !isExcluded(module) &&
    ((tied && singleName.test(lastPart(module))) ||
      targetModules.includes(module) ||
      (isListed(module) && isOfLayer(module)));
}

function exclusion(excluded: JsonValue | undefined, budget: PatternBudget): Selects | undefined {
  return isJsonArray(excluded)
    ? listed(excluded.flatMap((item) => jsonString(item) ?? []))
    : expression(jsonString(excluded) ?? "", budget);
}

function listed(targets: readonly string[]): Selects {
  const ends = new Set(targets);
  return (module) => {
    if (ends.has(module)) return true;
    for (let at = module.indexOf("."); at >= 0; at = module.indexOf(".", at + 1))
      if (ends.has(module.slice(at + 1))) return true;
    return false;
  };
}

function expression(source: string, budget: PatternBudget): Selects | undefined {
  if (source === "") return undefined;
  try {
    const pattern = PythonPattern.compile(source);
    return (module) => pattern.matchesToEnd(module, [0], budget);
  } catch (error) {
    if (error instanceof PatternSyntaxError) return undefined;
    throw error;
  }
}

/**
 * The first number in a path that has two parts before it and one behind, or the one behind a name of a stack. PEFT before
 * 0.21 took the last, which of an expert is the expert's: whatever one of the two selects is taken for selected.
 */
function layerChoice(layers: JsonValue | undefined, stacks: JsonValue | undefined): Selects {
  const numbers = (isJsonArray(layers) ? layers : [layers ?? null]).flatMap((item) => jsonNumber(item) ?? []);
  if (numbers.length === 0) return () => true;
  const names = (isJsonArray(stacks) ? stacks : [stacks ?? null]).flatMap((item) => jsonString(item) ?? []);
  return (module) => {
    const parts = module.split(".");
    const found = parts.flatMap((part, at) => {
      if (!/^\d+$/.test(part) || at === parts.length - 1) return [];
      return (names.length === 0 ? at >= 2 : names.includes(parts[at - 1] as string)) ? [Number(part)] : [];
    });
    return [found[0], found.at(-1)].some((number) => number !== undefined && numbers.includes(number));
  };
}
