import { spread } from "../lists/spread";
import { plural } from "../text/quantities";

/** How the names of one snapshot become those of another: without `strip` in front, with `add` in its place. */
export interface NameRule {
  readonly strip: string;
  readonly add: string;
}

export const sameNames: NameRule = { strip: "", add: "" };

/** Prefixes tried, of the most frequent, and names that they are tried on. */
const maxPrefixes = 32;
const maxTried = 400;

/** Wrappers and the keys of dictionaries in dictionaries nest no deeper: `state_dict.module._orig_mod.model.`. */
const maxPrefixParts = 5;

/** What stands in front of a model's names and tells nothing of it. */
const wrapperWords: ReadonlySet<string> = new Set([
  ...[
    "module",
    "_orig_mod",
    "_forward_module",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
    "base_model",
    "model",
  ],
  ...["state_dict", "model_state_dict", "model_state", "params", "weights", "network", "net"],
  ...["ema", "ema_model", "model_ema", "generator", "student"],
]);

/**
 * Finds what has to be left out or put in front of `names` so that most of them are among `known`. Left out or put
 * in front is any prefix; one is taken for another only where both are words of wrappers, or an encoder would be
 * compared with a decoder.
 */
export function findNameRule(names: readonly string[], known: ReadonlySet<string>): NameRule {
  const tried = spread(names, maxTried);
  const strips = prefixesOf(tried);
  const adds = prefixesOf(spread([...known], maxTried));
  let best = { rule: sameNames, score: tried.filter((name) => known.has(name)).length };
  const consider = (rule: NameRule) => {
    const score = tried.filter((name) => known.has(renamed(name, rule)) || known.has(name)).length;
    if (score > best.score) best = { rule, score };
  };
  for (const strip of strips) consider({ strip, add: "" });
  for (const add of adds) consider({ strip: "", add });
  for (const strip of strips.filter(isWrapper)) {
    for (const add of adds.filter(isWrapper)) consider({ strip, add });
  }
  return best.rule;
}

export function renamed(name: string, { strip, add }: NameRule): string {
  return name.startsWith(strip) ? add + name.slice(strip.length) : name;
}

/** Says what was done so that names agree; undefined where nothing was. */
export function ruleText({ strip, add }: NameRule, matched: number): string | undefined {
  if (matched === 0 || (strip === "" && add === "")) return undefined;
  const names = plural(matched, "name");
  if (add === "") return `"${strip}" in front of ${names} is left out, so that they agree.`;
  if (strip === "") return `${names} are taken as if "${add}" stood in front, so that they agree.`;
  return `"${strip}" in front of ${names} is taken for "${add}", so that they agree.`;
}

/** FSDP, torch.compile and activation checkpointing put parts into the middle of names; PEFT the adapter's name. */
const innerParts = /\.(?:_fsdp_wrapped_module|_checkpoint_wrapped_module|_orig_mod)(?=\.)/g;
const adapterName =
  /(\.lora_(?:A|B|embedding_A|embedding_B|magnitude_vector))\.(?!weight$|bias$)[^.]+(?=\.|$)/;

/** The name without what wrappers put into its middle. */
export function withoutWrappers(name: string): string {
  if (!name.includes("_")) return name;
  const unwrapped = name.replace(innerParts, "");
  return unwrapped.includes(".lora_") ? unwrapped.replace(adapterName, "$1") : unwrapped;
}

/** Whether a prefix is made of words of wrappers alone. */
export function isWrapper(prefix: string): boolean {
  return prefix.split(".").every((word) => word === "" || wrapperWords.has(word));
}

/** Leading parts of the names, in dots, the most frequent and shortest first. Numbers count layers, no wrapper has one. */
function prefixesOf(names: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const name of names) {
    let end = 0;
    for (let part = 0; part < maxPrefixParts; part++) {
      const dot = name.indexOf(".", end);
      if (dot < 0 || /^\d/.test(name.slice(end, dot))) break;
      end = dot + 1;
      const prefix = name.slice(0, end);
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
  }
  return [...counts]
    .sort(([a, countA], [b, countB]) => countB - countA || a.length - b.length)
    .slice(0, maxPrefixes)
    .map(([prefix]) => prefix);
}
