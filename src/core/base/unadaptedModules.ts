import { modulePath } from "../adapter/loraKey";
import { placeOfModule } from "../adapter/moduleName";
import { isWhole } from "../health/healthSubject";
import { peftSelection } from "../health/peftTargets";
import { jsonNumber } from "../json/parseJson";
import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import type { Tensor } from "../tensors/tensor";
import { lastPart } from "../text/lastPart";
import { PatternBudgetError } from "../text/pythonPattern";
import { plural } from "../text/quantities";
import { quoteSome } from "../text/quote";
import { nameOfBase } from "./baseWeights";

/** A module of the adapter, and the path under which the base's file keeps its weight. */
export interface PlacedModule {
  readonly module: string;
  readonly path: string;
}

/** What a class puts in front of a path of the base's file, where the file has something else there. */
interface Prefixes {
  readonly ofFile: string;
  readonly ofModel: string;
}

/**
 * Modules of the base that the configuration selects and of which the file holds nothing: PEFT makes their factors anew,
 * so that what was trained there is lost, or the adapter is of a smaller model. Looked for only where it is known what the
 * model calls the weights of its file, in stacks of layers that the adapter changes: a tower may not have been part of
 * the model that was trained, and files hold layers that transformers does not load (MTP).
 */
export function unadaptedModules(
  adapter: CheckpointSession,
  base: CheckpointSession,
  placed: readonly PlacedModule[],
): readonly Problem[] {
  return [...withoutFactors(adapter, base, placed), ...withoutBiases(adapter, base, placed)];
}

/** Biases that the configuration says were trained; of bases without biases there are none to save. */
function withoutBiases(
  { adapterConfig: config, checkpoint }: CheckpointSession,
  base: CheckpointSession,
  placed: readonly PlacedModule[],
): readonly Problem[] {
  const trained = config?.bias;
  if (trained !== "lora_only" && trained !== "all") return [];
  // The biases that lora_bias adds are those of B.
  if (checkpoint.tensors.some(({ name }) => /(?<!\.lora_B)\.bias$/.test(name))) return [];
  const names = new Set(base.checkpoint.tensors.map(({ name }) => name));
  const biased = placed.filter(({ path }) => names.has(`${path}.bias`));
  const [first] = biased;
  if (first === undefined) return [];
  const message = `The configuration says that biases are trained (bias ${trained}), and the file holds none: ${biased.length} of ${plural(placed.length, "module")} of the base ${nameOfBase(base.checkpoint)} have one, first ${first.module}. What was trained there is lost.`;
  return [{ severity: "warning", code: "BiasesMissing", message }];
}

function withoutFactors(
  adapter: CheckpointSession,
  base: CheckpointSession,
  placed: readonly PlacedModule[],
): readonly Problem[] {
  const { adapterConfig: config, checkpoint } = adapter;
  if (config?.peftType === undefined || config.layerRanges.length > 0 || !isWhole(adapter)) return [];
  const stacks = new Map<string, Prefixes>();
  for (const { module, path } of placed) {
    if (!isInLayer(path)) continue;
    const prefixes = prefixesOf(module, path);
    // Parts that are renamed as they are loaded: what the model calls the others is not known.
    if (prefixes === undefined) return [];
    stacks.set(stackOf(path), prefixes);
  }
  const selects = peftSelection(adapter);
  if (selects === undefined || placed.length === 0) return [];
  const touched = pathsOf(checkpoint.tensors);
  const isLoaded = loadedLayers(base);
  const kinds = new Set(placed.map(({ path }) => kindOf(path)));
  const saved = new Set(config.modulesToSave);
  const [first] = stacks.values();
  const isOf = (one: string, path: string) => lastPart(one) === lastPart(path);
  try {
    const lost = base.checkpoint.tensors.flatMap((tensor) => {
      const path = weightPathOf(tensor, config.peftType);
      if (path === undefined || !isLoaded(path)) return [];
      // Embeddings and heads stand before or behind whatever stack is adapted.
      const prefixes = isInLayer(path) ? stacks.get(stackOf(path)) : first;
      if (prefixes === undefined) return [];
      const isBehind = path.startsWith(prefixes.ofFile);
      const module = isBehind ? prefixes.ofModel + path.slice(prefixes.ofFile.length) : path;
      if (isInLayer(path) ? !isBehind || touched.has(module) : [...touched].some((one) => isOf(one, path)))
        return [];
      const isKnown = kinds.has(kindOf(path));
      if (path.includes(".experts.") && !isKnown) return [];
      if (module.split(".").some((part) => saved.has(part))) return [];
      return selects(module, isKnown) ? [module] : [];
    });
    return lost.length === 0 ? [] : [told(lost, placed.length, nameOfBase(base.checkpoint))];
  } catch (error) {
    if (error instanceof PatternBudgetError) return [];
    throw error;
  }
}

function told(lost: readonly string[], held: number, base: string): Problem {
  const [first = ""] = lost;
  const layers = [...new Set(lost.flatMap((module) => placeOfModule(module).indexes[0] ?? []))];
  const kinds = [...new Set(lost.map((module) => placeOfModule(module).kind))];
  const where =
    lost.length === 1
      ? first
      : `${quoteSome(kinds)}${layers.length === 0 ? "" : ` of ${plural(layers.length, "layer")}`}, first ${first}`;
  const message = `The configuration selects ${plural(lost.length + held, "module")} of the base ${base} (target_modules), and the file holds nothing of ${lost.length} of them: ${where}. PEFT makes ${lost.length === 1 ? "it" : "them"} anew, untrained: was something lost, or is it the adapter of another model?`;
  return { severity: "warning", code: "BaseModulesUnadapted", message };
}

/** What stands in front of the longest common end, in whole parts; undefined where less than a layer's part is common. */
function prefixesOf(module: string, path: string): Prefixes | undefined {
  const [ofModel, ofFile] = [module.split("."), path.split(".")];
  let common = 0;
  while (
    common < Math.min(ofModel.length, ofFile.length) &&
    ofModel.at(-1 - common) === ofFile.at(-1 - common)
  )
    common++;
  const tail = path.slice(stackOf(path).length);
  const start = (parts: readonly string[]) =>
    parts
      .slice(0, parts.length - common)
      .map((part) => `${part}.`)
      .join("");
  const front = start(ofFile);
  if (front.length > path.length - tail.length) return undefined;
  return { ofFile: front, ofModel: start(ofModel) };
}

function isInLayer(path: string): boolean {
  return /\.\d+\./.test(path);
}

/** The path before the first number; all of it in the path of a module that is in no layer. */
function stackOf(path: string): string {
  return /^.*?(?=\.\d+\.)/.exec(path)?.[0] ?? path;
}

function kindOf(path: string): string {
  return path.replace(/(?<=^|\.)\d+(?=\.|$)/g, "*");
}

/**
 * The path of a weight that PEFT's methods can change: a matrix or a kernel, however it is packed, and what norms multiply
 * by where these are tuned.
 */
function weightPathOf({ name, shape }: Tensor, method: string | undefined): string | undefined {
  const [, path] = /^(.*)\.(?:weight|qweight|weight_packed|W_q|codes)$/.exec(modulePath(name)) ?? [];
  return shape.length > 1 || method === "LN_TUNING" ? path : undefined;
}

/** Every path that something of the file stands at or below. */
function pathsOf(tensors: readonly Tensor[]): ReadonlySet<string> {
  const paths = new Set<string>();
  for (const { name } of tensors) {
    let path = modulePath(name);
    while (path !== "" && !paths.has(path)) {
      paths.add(path);
      path = path.slice(0, Math.max(path.lastIndexOf("."), 0)).replace(/\.base_layer$/, "");
    }
  }
  return paths;
}

/** Layers behind the last that the configuration counts predict further tokens, and are loaded by servers alone. */
function loadedLayers({ checkpoint, folder }: CheckpointSession): (path: string) => boolean {
  const extra = new Set(
    checkpoint.tensors.flatMap(({ name }) => /^(.*\.\d+\.)(?:eh_proj|shared_head)\b/.exec(name)?.[1] ?? []),
  );
  const config = folder.config?.value;
  const count = jsonNumber(config?.get("num_hidden_layers"));
  return (path) => {
    const [layer, number] = /^(?:model\.)?layers\.(\d+)\./.exec(path) ?? [];
    if (layer === undefined || number === undefined) return !/(?:^|\.)mtp\./.test(path);
    return !extra.has(layer) && (count === undefined || Number(number) < count);
  };
}
