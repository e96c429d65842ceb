import type { MlxConfig } from "../adapter/adapterConfig";
import { parseLoraKey } from "../adapter/dialects/dialectTable";
import type { LoraModule } from "../adapter/loraModule";
import { ModulePatterns } from "../adapter/modulePatterns";
import type { Problem } from "../problem/problem";
import { plural } from "../text/quantities";
import { quoteSome } from "../text/quote";
import { type HealthSubject, isWhole } from "./healthSubject";

/** Keys looked at; files of one key a module have thousands, all plain paths. */
const maxKeys = 200;
/** Settings of single modules, and targets, that fit none of the modules: misspelt, or of another model. */
export function unmatchedPatterns(subject: HealthSubject): readonly Problem[] {
  const { adapter, adapterConfig: config } = subject;
  if (adapter === undefined || config === undefined || adapter.modules.length === 0) return [];
  if (!isWhole(subject)) return [];
  const others = adapter.otherTensors.flatMap(({ name }) => parseLoraKey(name)?.module ?? []);
  const modules = [...adapter.modules.map(({ module }) => module), ...others];
  if (adapter.dialect === "mlx") return unmatchedOfMlx(config.mlx, modules);
  if (adapter.dialect !== "peft") return [];
  return [
    ...unmatched("rank_pattern", [...config.rankPattern.keys()], modules),
    ...unmatched("alpha_pattern", [...config.alphaPattern.keys()], modules),
    ...unmatchedTargets(config.targetModules, modules),
    ...unmatchedParameters(config.targetParameters, adapter.modules),
  ];
}

function unmatched(field: string, keys: readonly string[], modules: readonly string[]): readonly Problem[] {
  const lost = keys.slice(0, maxKeys).filter((key) => {
    const patterns = new ModulePatterns(field, new Map([[key, 1]]));
    // What cannot be used as an expression is told where it is used.
    return modules.every((module) => patterns.find(module) === undefined) && patterns.problems.length === 0;
  });
  return told(
    field,
    lost,
    lost.length === 1
      ? "matches no module of the adapter and changes nothing"
      : "match no module of the adapter and change nothing",
  );
}

function unmatchedTargets(targets: readonly string[] | string | undefined, modules: readonly string[]) {
  if (!Array.isArray(targets)) return [];
  const lost = (targets as readonly string[])
    .slice(0, maxKeys)
    .filter((target) => !modules.some((module) => isTarget(module, target)));
  return told("target_modules", lost, `${lost.length === 1 ? "matches" : "match"} no module of the adapter`);
}

/** How deep a module is wrapped: once for each of its parameters, in `base_layer` after `base_layer`. */
function wrapped({ a, b }: LoraModule): readonly [path: string, depth: number] | undefined {
  const [, path, inner = ""] = /^(.*?)((?:\.base_layer)*)\.lora_A\.weight$/.exec(a === b ? "" : a.name) ?? [];
  return path === undefined ? undefined : [path, inner.split(".base_layer").length];
}

/** Parameters that the configuration adapts, of which the file holds nothing, or not in each layer. */
function unmatchedParameters(entries: readonly string[], modules: readonly LoraModule[]): readonly Problem[] {
  const depths = new Map<string, number>();
  for (const module of modules) {
    const [path, depth] = wrapped(module) ?? [];
    if (path !== undefined && depth !== undefined) depths.set(path, (depths.get(path) ?? 0) + 1);
  }
  const parentOf = (entry: string) => entry.slice(0, Math.max(entry.lastIndexOf("."), 0));
  // An entry may be the parameter's own name alone, of whatever module.
  const isBelow = (path: string, parent: string) =>
    path === parent || path.endsWith(`.${parent}`) || (parent === "" && /\bexperts$/.test(path));
  const parents = new Set(entries.slice(0, maxKeys).map(parentOf));
  const lost = entries
    .slice(0, maxKeys)
    .filter((entry) => ![...depths.keys()].some((path) => isBelow(path, parentOf(entry))));
  const uneven = [...parents].flatMap((parent) => {
    const own = [...depths].filter(([path]) => isBelow(path, parent));
    const most = own.reduce((max, [, count]) => Math.max(max, count), 0);
    return own.filter(([, count]) => count < most).map(([path, count]) => ({ path, count, most }));
  });
  const [first] = uneven;
  const which = `${lost.length === 1 ? "matches" : "match"} no module of the adapter`;
  return [
    ...told("target_parameters", lost, which),
    ...(first === undefined
      ? []
      : [
          {
            severity: "warning",
            code: "ParametersMissing",
            message: `${first.path} holds factors of ${first.count} of the ${first.most} parameters that other layers have (target_parameters)${uneven.length === 1 ? "" : `, and so it is in ${uneven.length} modules`}: what is missing PEFT makes anew, untrained. Was something lost?`,
          } as const,
        ]),
  ];
}

/**
 * mlx-lm makes the layers anew that its configuration says, and leaves all other factors of the file without a word:
 * `linear_to_lora_layers` takes the last `num_layers` layers and in each the modules that `keys` names.
 */
function unmatchedOfMlx(mlx: MlxConfig | undefined, modules: readonly string[]): readonly Problem[] {
  const { keys, layers, fineTuneType } = mlx ?? {};
  if (fineTuneType === "full") {
    const message = `The configuration says fine_tune_type full, for which mlx-lm makes no LoRA layers: it leaves the factors of all ${plural(modules.length, "module")} out without a word.`;
    return [{ severity: "warning", code: "UnmatchedLayers", message }];
  }
  const lost = (keys ?? [])
    .slice(0, maxKeys)
    .filter((key) => !modules.some((module) => isTarget(module, key)));
  const found = told(
    "lora_parameters.keys",
    lost,
    `${lost.length === 1 ? "matches" : "match"} no module of the adapter`,
  );
  const numbers = new Set(modules.flatMap((module) => /\blayers\.(\d+)\./.exec(module)?.[1] ?? []));
  if (layers === undefined || layers <= 0 || numbers.size <= layers) return found;
  const message = `The configuration says num_layers ${layers}, the file holds factors of ${plural(numbers.size, "layer")}: mlx-lm adapts the last ${plural(layers, "layer")} and leaves the others out.`;
  return [...found, { severity: "warning", code: "UnmatchedLayers", message }];
}

/** Experts and parts of fused layers are listed with their part behind the path. */
function isTarget(module: string, target: string): boolean {
  const path = module.replace(/ \(.*\)$/, "");
  return path === target || path.endsWith(`.${target}`);
}

function told(field: string, lost: readonly string[], what: string): readonly Problem[] {
  if (lost.length === 0) return [];
  const shown = quoteSome(lost);
  const message = `${plural(lost.length, "entry", "entries")} of ${field} (${shown}) ${what}.`;
  return [{ severity: "warning", code: "UnmatchedPattern", message }];
}
