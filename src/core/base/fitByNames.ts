import type { Adapter } from "../adapter/adapter";
import type { Checkpoint } from "../checkpoint/checkpoint";
import { canonicalName } from "../names/canonicalName";
import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import { formatShape } from "../tensors/tensor";
import { plural } from "../text/quantities";
import { quote, quoteSome } from "../text/quote";
import { BaseWeights, fits, nameOfBase } from "./baseWeights";

/**
 * Whether the modules of an adapter in other names than PEFT's are in a base model, by the names that both have once
 * wrappers, nesting and dialect are taken away. Its own program translates names in its own way as it loads: that is
 * not looked at, and said.
 */
export function fitByNames(
  { adapter }: CheckpointSession,
  { checkpoint }: CheckpointSession,
): readonly Problem[] {
  const modules = (adapter?.modules ?? []).filter(({ layout }) => layout !== "experts");
  if (adapter === undefined || adapter.carriesModel || modules.length === 0) return [];
  const weights = new BaseWeights(checkpoint.tensors);
  // A text encoder lies in a file of its own, whose names do not say that it is one.
  const find = (module: string) =>
    weights.find(module) ??
    // llama.cpp names the weight, and not its module.
    weights.find(module.replace(/\.weight$/, "")) ??
    weights.find(canonicalName(module).replace(/^te\d:/, ""));
  const where = nameOfBase(checkpoint);
  const count = plural(modules.length, "module");
  const unlooked = "How the program that loads it translates its names was not looked at.";
  const pairs = modules.map((module) => ({ module, weight: find(module.module) }));
  const missing = pairs.flatMap(({ module, weight }) => (weight === undefined ? [module] : []));
  const told = (severity: Problem["severity"], code: string, message: string): Problem => ({
    severity,
    code,
    message: `${message} ${unlooked}`,
  });
  if (missing.length > 0) {
    const named = quoteSome(missing.map(({ module }) => module));
    const which =
      missing.length === modules.length ? `None of ${count} was` : `${missing.length} of ${count} were not`;
    const message = `${which} found in the base ${where} (${named}).`;
    return [told("warning", "BaseModulesMissing", message)];
  }
  for (const { module, weight } of pairs) {
    if (weight === undefined || !/^(?:F|BF)\d/.test(weight.dtype) || fits(module, weight)) continue;
    const shape = `${module.outFeatures} × ${module.inFeatures}`;
    const message = `${quote(module.module)} changes a weight of ${shape}, ${quote(weight.name)} of the base ${where} is ${formatShape(weight.shape)}.`;
    return [told("warning", "BaseShapes", message)];
  }
  return [told("info", "BaseFits", `All ${count} were found in the base ${where}, by name and shape.`)];
}

/** Where no module was understood, the names alone tell whose they are. */
export function hasNamesOfPeft(
  adapter: Adapter | undefined,
  { tensors }: Pick<Checkpoint, "tensors">,
): boolean {
  if (adapter?.dialect === "peft") return true;
  return adapter?.dialect === "unknown" && tensors.every(({ name }) => name.startsWith("base_model."));
}
