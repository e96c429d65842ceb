/** Words that say of each optimizer or model only that it is one. */
const plainWords: ReadonlySet<string> = new Set([
  ...[
    "optim",
    "optimizer",
    "optimizers",
    "optimiser",
    "opt",
    "opts",
    "state",
    "states",
    "dict",
    "sd",
    "last",
  ],
  ...["net", "nets", "network", "networks", "model", "models", "module", "weights", "params", "fn"],
]);

/**
 * How much an optimizer's key is like that of a model: `optimizer_G` and `netG`, `opt.disc` and `discriminator`.
 * @returns 0 where nothing of the two is alike, more the more is
 */
export function nameAffinity(optimizer: string, model: string): number {
  const own = wordsOf(optimizer);
  const others = wordsOf(model);
  if (own.length === 0 || others.length === 0) return 0;
  const matching = own.filter((word) => others.some((other) => isAlike(word, other))).length;
  const equal = own.filter((word) => others.includes(word)).length;
  return (matching + equal) / Math.max(own.length, others.length);
}

function wordsOf(key: string): readonly string[] {
  const words = key
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .replace(/([A-Za-z])(\d)/g, "$1_$2")
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .filter((word) => word !== "");
  return words.filter((word) => !plainWords.has(word));
}

/** One may be the beginning of the other: `g`, `gen` and `generator`. */
function isAlike(a: string, b: string): boolean {
  return /^\d/.test(a) ? a === b : a.startsWith(b) || b.startsWith(a);
}
