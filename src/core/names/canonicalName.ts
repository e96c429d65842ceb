import { familySpelling } from "./familySpelling";

/** What wrappers put in front of a model's names: DDP, torch.compile, PEFT, and pipelines around the one network. */
const wrapperWords: ReadonlySet<string> = new Set([
  ...["module", "_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"],
  ...["base_model", "pipe", "dit", "unet", "transformer", "diffusion_model"],
]);

/**
 * What transformers moves a language model into and out of: `language_model.model.layers` until 4.51,
 * `model.language_model.layers` since, `model.layers` of the same model without its vision tower.
 */
const nestingWords: ReadonlySet<string> = new Set(["model", "language_model", "text_model"]);

/** FSDP, torch.compile and activation checkpointing anywhere in a path, PEFT's layers around what they adapt. */
const innerWords =
  /(^|\.)(?:_fsdp_wrapped_module|_checkpoint_wrapped_module|_orig_mod|base_layer|processor)(?=\.|$)/g;

/** sd-scripts, LyCORIS and musubi join a path with underscores behind the network that it is of. */
const flatPrefix = /^(?:lora|lycoris|oft)_(unet|te\d?|transformer|prior)_/;
const textEncoder = /^text_encoder(?:_(\d))?\./;

/**
 * One spelling for all names that dialects, wrappers and versions of libraries give one module or tensor. Two names
 * with one spelling may still be two things: see `matchNames`, which asks that nothing else has it.
 */
export function canonicalName(name: string): string {
  const flat = flatPrefix.exec(name);
  if (flat !== null) return canonicalFlat(flat[1] ?? "", name.slice(flat[0].length));
  const bare = name.replace(innerWords, "").replace(/^\./, "");
  const encoder = textEncoder.exec(bare);
  const component = encoder === null ? "" : `te${encoder[1] ?? 1}:`;
  const parts = bare.slice(encoder?.[0].length ?? 0).split(".");
  let first = 0;
  while (first < parts.length - 1 && isOuter(parts[first] as string)) first++;
  return component + ending(parts.slice(first).join("_"));
}

function canonicalFlat(network: string, rest: string): string {
  const encoder = /^te(\d?)$/.exec(network);
  const component = encoder === null ? "" : `te${encoder[1] || 1}:`;
  // The encoders' own `text_model` is left out of names in dots too.
  return component + ending(encoder === null ? rest : rest.replace(/^text_model_/, ""));
}

function isOuter(word: string): boolean {
  return wrapperWords.has(word) || nestingWords.has(word);
}

/** diffusers' old processors have no number for what newer code keeps in a list: `to_out` is `to_out.0`. */
function ending(path: string): string {
  return familySpelling(path.replace(/_to_out_0$/, "_to_out"));
}

/** Why two names were taken for one. */
export type RenameKind = "wrapper" | "nesting" | "dialect" | "prefix";

/** How one name becomes another: `strip` is left out, `add` put in its place. */
export interface Rename {
  readonly kind: RenameKind;
  readonly strip: string;
  readonly add: string;
  /** Whether they stand at the beginning of the names. */
  readonly inFront: boolean;
}

/** What differs between two spellings of one name, in whole parts of their paths. */
export function renameBetween(name: string, known: string): Rename {
  if (flatPrefix.test(name) !== flatPrefix.test(known)) {
    return { kind: "dialect", strip: separatorOf(name), add: separatorOf(known), inFront: false };
  }
  const [from, to] = [name.split("."), known.split(".")];
  let end = 0;
  while (end < Math.min(from.length, to.length) && from.at(-1 - end) === to.at(-1 - end)) end++;
  let start = 0;
  const shortest = Math.min(from.length, to.length) - end;
  while (start < shortest && from[start] === to[start]) start++;
  const words = [...from.slice(start, from.length - end), ...to.slice(start, to.length - end)];
  const cut = (parts: readonly string[]) =>
    parts
      .slice(start, parts.length - end)
      .map((part) => `${part}.`)
      .join("");
  return { kind: kindOf(words), strip: cut(from), add: cut(to), inFront: start === 0 };
}

function separatorOf(name: string): string {
  return flatPrefix.test(name) ? "_" : ".";
}

function kindOf(words: readonly string[]): RenameKind {
  if (words.some((word) => word === "language_model" || word === "text_model")) return "nesting";
  if (words.every((word) => wrapperWords.has(word) || word === "model" || word === "base_layer"))
    return words.every((word) => word === "model") ? "nesting" : "wrapper";
  return "dialect";
}
