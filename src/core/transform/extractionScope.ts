import { modulePath } from "../adapter/loraKey";
import type { WeightPair, WeightPairs } from "../base/weightPairs";
import { lastPart } from "../text/lastPart";

/** Weights with a row for each token, which a longer vocabulary changes. */
export const isVocabulary = /(?:embed_tokens|wte|word_embeddings|tok_embeddings|lm_head)\.weight$/;

/** What a base may lack in its file and have in memory, or gets for a task: PEFT saves and loads these whole. */
const isHead = /(?:^|\.)(?:lm_head|score|classifier)\.(?:weight|bias)$/;

/**
 * What an extraction saves whole beside the factors. PEFT names saved modules by the end of their path and loads each
 * with all its parameters; the bias of a layer that has factors cannot be saved so.
 * @param changed Pairs that differ and are no linear layers.
 */
export function savedWhole(pairs: WeightPairs, changed: readonly WeightPair[]): readonly WeightPair[] {
  const adapted = new Set(pairs.linear.map(({ module }) => lastPart(module)));
  const resized = pairs.reshaped.filter(({ tuned }) => isVocabulary.test(tuned.name));
  const heads = pairs.onlyInTuned
    .filter(({ name }) => isHead.test(name))
    .map((tuned) => ({ module: modulePath(tuned.name).replace(/\.weight$/, ""), base: tuned, tuned }));
  const names = new Set(changed.filter(isModuleParameter).map((pair) => lastPart(parentModule(pair))));
  const same = pairs.others.filter((pair) => {
    const name = lastPart(parentModule(pair));
    return isModuleParameter(pair) && names.has(name) && !adapted.has(name);
  });
  return [...same, ...resized, ...heads];
}

/** For `modules_to_save`. */
export function savedModuleNames(saved: readonly WeightPair[]): readonly string[] {
  return [...new Set(saved.map((pair) => lastPart(parentModule(pair))))];
}

/** modules_to_save names modules: a parameter that stands in none of its own cannot be saved so. */
function isModuleParameter({ tuned }: WeightPair): boolean {
  return /\.(?:weight|bias)$/.test(tuned.name);
}

/** The module that holds a parameter. */
function parentModule({ module }: WeightPair): string {
  return module.replace(/\.bias$/, "");
}
