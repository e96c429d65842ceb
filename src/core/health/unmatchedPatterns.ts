import type { MlxConfig } from "../adapter/adapterConfig";
import { parseLoraKey } from "../adapter/dialects/dialectTable";
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

/**
 * mlx-lm makes the layers anew that its configuration says, and leaves all other factors of the file without a word:
 * `linear_to_lora_layers` takes the last `num_layers` layers and in each the modules that `keys` names.
 */
function unmatchedOfMlx(mlx: MlxConfig | undefined, modules: readonly string[]): readonly Problem[] {
  const { keys, layers } = mlx ?? {};
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
