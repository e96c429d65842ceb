/** A method whose update is built of other tensors than two factors. */
export type ComposedMethod = "LOHA" | "LOKR" | "GRALORA" | "DELORA" | "VBLORA" | "VERA" | "C3A";

export interface ComposedKey {
  readonly method: ComposedMethod;
  /** What follows the method's word: `w1a` of LoHa's `hada_w1_a`, `logits_A` of `vblora_logits_A`. */
  readonly role: string;
  /** Path of the module as the file writes it; that of the model for what all modules share. */
  readonly path: string;
}

const methodOfWord: Readonly<Record<string, ComposedMethod>> = {
  hada: "LOHA",
  lokr: "LOKR",
  gralora: "GRALORA",
  delora: "DELORA",
  vblora: "VBLORA",
  vera: "VERA",
  c3a: "C3A",
};

const matrices = /^(?:(.*)\.)?(hada|lokr)_(w1|w2|t1|t2)(?:_(a|b))?(?:\.[^.]+)?$/;
const others = /^(?:(.*)\.)?(gralora|delora|vblora|vera|c3a)_(\w+)(?:\.[^.]+){0,2}$/;

/** Reads a tensor's name in the spelling that LyCORIS and PEFT share, e.g. `X.hada_w1_a`, `X.lokr_w2` or `X.c3a_kernel`. */
export function parseComposedKey(name: string): ComposedKey | undefined {
  const match = matrices.exec(name) ?? others.exec(name);
  if (match === null) return undefined;
  const [, path = "", word = "", part = "", half = ""] = match;
  const method = methodOfWord[word];
  return method && { method, role: part + half, path };
}

/** Random matrices and banks that stand once in a file, for all of its modules, by their role. */
export const sharedRoles: ReadonlyMap<ComposedMethod, ReadonlySet<string>> = new Map([
  ["VERA", new Set(["A", "B"])],
  ["VBLORA", new Set(["vector_bank"])],
]);
