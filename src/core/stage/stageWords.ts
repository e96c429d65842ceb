/** A stage that a name tells, and the word that told it. */
export interface NamedStage {
  readonly stage: "svd" | "rank-reduction" | "fine-tuning" | "base" | "merged";
  readonly word: string;
}

interface Found extends NamedStage {
  readonly at: number;
  /** Counts only where no other word does. */
  readonly weak?: boolean;
}

/** Words before which a stage has not happened yet or was left out: `before-ft`, `no-svd`. */
const negations: ReadonlySet<string> = new Set(["before", "pre", "no", "not", "non", "without"]);

/** `rank` beside one of these is a size, a place or a method, not a reduction. */
const otherRanks: ReadonlySet<string> = new Set([
  ..."high full low max rs mp dp tp pp ep local global top re rank stabilized stable all each per one".split(
    " ",
  ),
]);

/** `noise-reduction` is what a model is for. */
const otherReductions: ReadonlySet<string> = new Set([
  ..."noise bias toxicity harm variance hallucination loss cost memory carbon risk harmfulness".split(" "),
]);
const reducedThings: ReadonlySet<string> = new Set([
  "lr",
  "on",
  "noise",
  "loss",
  "bias",
  "memory",
  "gradients",
]);
/** `truncated_half.pt` is a damaged file, `truncated-context` a data set. */
const truncatedThings: ReadonlySet<string> = new Set([
  ..."half tail head file files legacy broken data dataset text header zip trainer log logs".split(" "),
  ..."context seq sequence sequences prompt prompts token tokens input inputs".split(" "),
]);
const resizedThings = /^(?:embed|token|vocab|image|img|pixel|position)/;
const neutral = /^(?:\d+|v\d*|model|weights?|checkpoint|ckpt|stage|the|0+)$/;

/**
 * The stage a file or folder name tells, e.g. `01-svd`, `afterSVD`, `lora_rank-reduced`, `sft_v2`. Words are
 * matched whole, so that `draft`, `left` and `lora-rank8` tell nothing. Of several words the last counts,
 * because names grow to the right; a reduction counts before the SVD that made it.
 * @param isSure leaves out `final`, which tells the last stage of an adapter and nothing of other checkpoints
 */
export function stageFromName(name: string, isSure = false): NamedStage | undefined {
  const tokens = tokenize(name);
  const all = tokens.flatMap((_, at) => stageAt(tokens, at) ?? []);
  const found = all.filter(({ at }) => !negations.has(tokens[at - 1] ?? ""));
  const strong = found.filter(({ weak }) => weak !== true);
  const reduced = strong.some(({ stage }) => stage === "rank-reduction");
  const best =
    strong.findLast(({ stage }) => !(reduced && stage === "svd")) ?? (isSure ? undefined : found.at(-1));
  if (best !== undefined) return { stage: best.stage, word: best.word };
  return all.length === 0 ? baseName(tokens) : undefined;
}

/** `base` is also the size of a model (`bert-base-uncased`): it must be all that the name says. */
function baseName(tokens: readonly string[]): NamedStage | undefined {
  const words = tokens.filter((token) => !neutral.test(token));
  return words.length === 1 && words[0] === "base" ? { stage: "base", word: "base" } : undefined;
}

function stageAt(tokens: readonly string[], at: number): Found | undefined {
  const token = tokens[at] ?? "";
  const next = tokens[at + 1] ?? "";
  const previous = tokens[at - 1] ?? "";
  if (token === "svd") return isStableVideo(tokens, at) ? undefined : { stage: "svd", word: token, at };
  if (token === "pissa" && /^init/.test(next)) return { stage: "svd", word: "pissa init", at };
  if (/^(?:fine)?(?:tun(?:e|ed|ing))$/.test(token)) {
    if (token.startsWith("fine")) return { stage: "fine-tuning", word: token, at };
    return previous === "fine" ? { stage: "fine-tuning", word: `fine ${token}`, at: at - 1 } : undefined;
  }
  if (token === "ft" || token === "sft") return { stage: "fine-tuning", word: token, at };
  if (token === "final") return { stage: "fine-tuning", word: token, at, weak: true };
  if (token === "merged") return { stage: "merged", word: token, at };
  return reductionAt(token, previous, next, at);
}

function reductionAt(token: string, previous: string, next: string, at: number): Found | undefined {
  const found: Found = { stage: "rank-reduction", word: token, at };
  if (/^prun(?:e|ed|ing)$/.test(token)) return found;
  if (/^trunc(?:at(?:e|ed|ion|ing))?$/.test(token)) {
    return truncatedThings.has(previous) || truncatedThings.has(next) ? undefined : found;
  }
  if (/^resiz(?:e|ed|ing)$/.test(token)) return resizedThings.test(next) ? undefined : found;
  if (/^reduc(?:e|ed|ing|tion)?$/.test(token)) {
    if (previous === "rank") return { ...found, word: `rank ${token}`, at: at - 1 };
    return otherReductions.has(previous) || reducedThings.has(next) ? undefined : found;
  }
  const numbered = /^\d/.test(next) || next === "stabilized" || next === "stabilised";
  return token === "rank" && !numbered && !otherRanks.has(previous) ? found : undefined;
}

/** Stable Video Diffusion is called `svd`, `svd_xt`, `svd-xt-1-1`. */
function isStableVideo(tokens: readonly string[], at: number): boolean {
  return tokens[at + 1] === "xt" || (tokens.includes("video") && tokens.includes("stable"));
}

/** Lower-case words: split at everything that is no letter or digit, at camelCase humps and before digits. */
function tokenize(name: string): string[] {
  return name
    .slice(0, 300)
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .replace(/([A-Za-z])(\d)/g, "$1 $2")
    .replace(/^(\d+)([A-Za-z])/, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((token) => token !== "");
}
