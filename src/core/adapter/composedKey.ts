/** The tensors that LoHa and LoKr build one update of: two matrices, each whole or a product `a · b`. */
export type ComposedRole = "w1" | "w1a" | "w1b" | "w2" | "w2a" | "w2b" | "t1" | "t2";

export interface ComposedKey {
  readonly method: "LOHA" | "LOKR";
  readonly role: ComposedRole;
  /** Path of the module as the file writes it. */
  readonly path: string;
}

const key = /^(?:(.*)\.)?(hada|lokr)_(w1|w2|t1|t2)(?:_(a|b))?(?:\.[^.]+)?$/;

/** Reads a tensor's name in the spelling that LyCORIS and PEFT share, e.g. `X.hada_w1_a` or `X.lokr_w2`. */
export function parseComposedKey(name: string): ComposedKey | undefined {
  const match = key.exec(name);
  if (match === null) return undefined;
  const [, path = "", method, matrix, half = ""] = match;
  return {
    method: method === "hada" ? "LOHA" : "LOKR",
    role: `${matrix}${half}` as ComposedRole,
    path,
  };
}
