import { type GgufFamily, ggufFamilies } from "./ggufFamilies";

/**
 * How the converter of llama.cpp keeps a weight otherwise than transformers does (convert_hf_to_gguf.py). Of `heads-…`
 * and `qkv-…` the rows stand in another order.
 */
export type GgufChange =
  /** The two halves of each head's rows, which rotary embeddings turn together, are interleaved. */
  | { readonly kind: "heads-interleaved"; readonly heads: number }
  /** Query, key and value one behind the other, which transformers keeps head by head (`keyHeads` groups of heads). */
  | { readonly kind: "qkv-apart"; readonly heads: number; readonly keyHeads: number }
  | { readonly kind: "plus-one" }
  | { readonly kind: "transposed" };

/** What transformers calls a tensor of a GGUF file. */
export interface GgufTwin {
  readonly name: string;
  readonly change?: GgufChange;
  /** The tensor holds all experts of a layer; `name` has "*" in the place of an expert's number. */
  readonly isExperts?: true;
}

/** Their query and key rows are kept for interleaved rotary embeddings. */
const interleaved: ReadonlySet<string> = new Set([
  ...["llama", "mistral3", "granite", "granitemoe", "minicpm", "olmo", "baichuan", "xverse"],
  ...["smollm3", "arcee"],
]);

/** Their norms multiply by one more than transformers stores. */
const plusOne: ReadonlySet<string> = new Set(["gemma", "gemma2", "gemma3", "nemotron"]);

/** A whole number above 0 that the file says of its architecture; undefined where it says none, or one for each block. */
export function ggufNumber(metadata: ReadonlyMap<string, string>, key: string): number | undefined {
  const value = Number(metadata.get(`${metadata.get("general.architecture")}.${key}`));
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/**
 * What transformers calls the tensors of a GGUF file, by its metadata: by the rule for its architecture, where one is
 * known. Names stay themselves behind a module's: ".weight", ".bias", ".weight.lora_a".
 */
export class GgufNames {
  private constructor(
    readonly architecture: string,
    private readonly family: GgufFamily,
    private readonly heads: number | undefined,
    private readonly keyHeads: number | undefined,
  ) {}

  /** Undefined where the file names no architecture whose names are known. */
  static of(metadata: ReadonlyMap<string, string>): GgufNames | undefined {
    const architecture = metadata.get("general.architecture");
    const family = architecture === undefined ? undefined : ggufFamilies.get(architecture);
    if (architecture === undefined || family === undefined) return undefined;
    const heads = ggufNumber(metadata, "attention.head_count");
    return new GgufNames(
      architecture,
      family,
      heads,
      ggufNumber(metadata, "attention.head_count_kv") ?? heads,
    );
  }

  /** Undefined where transformers has no such tensor, or nobody knows in which order its rows stand. */
  twin(name: string): GgufTwin | undefined {
    const found = /^(?:blk\.(\d+)\.)?([a-z0-9_]+)(?:\.(\d+))?((?:\.(?:weight|bias))?(?:\.lora_[ab])?)$/.exec(
      name,
    );
    if (found === null) return undefined;
    const [, layer, part = "", expert, ending = ""] = found;
    const { family } = this;
    const key = expert === undefined ? part : `${part}_exps`;
    const module = layer === undefined ? own(family.outer, part) : own(family.inner, key);
    if (module === undefined || (expert !== undefined && !module.includes("*"))) return undefined;
    const path = layer === undefined ? module : `${family.layers}${layer}.${module}`;
    if (module.includes("*"))
      return expert === undefined
        ? { name: path + ending, isExperts: true }
        : { name: path.replace("*", expert) + ending };
    // transformers has them as values of their own, not as a module's weight.
    if (part === "exp_probs_b" || part === "attn_sinks") return { name: path };
    const change = this.changeOf(layer, part, ending);
    if (change === null) return undefined;
    return { name: path + ending, ...(change === undefined ? {} : { change }) };
  }

  /** Null where there is one that cannot be told, or not undone. */
  private changeOf(layer: string | undefined, part: string, ending: string): GgufChange | undefined | null {
    const { architecture, heads, keyHeads } = this;
    const isFactor = ending.includes("lora");
    // Where keys have groups of heads, it is the norm of the layer or of its feed-forward: the file does not say which.
    const isGrouped = keyHeads !== undefined && keyHeads > 1 && keyHeads !== heads;
    if (architecture === "falcon" && part === "attn_norm" && isGrouped) return null;
    if (part.endsWith("norm"))
      return plusOne.has(architecture) && ending === ".weight" ? { kind: "plus-one" } : undefined;
    if (layer === undefined) return undefined;
    if (architecture === "gpt2" && !ending.includes("bias")) return isFactor ? null : { kind: "transposed" };
    // The columns of A are those of the weight, which stay where they are.
    if (ending.endsWith("lora_a")) return undefined;
    if (interleaved.has(architecture) && (part === "attn_q" || part === "attn_k")) {
      const own = part === "attn_q" ? heads : keyHeads;
      return own === undefined ? null : { kind: "heads-interleaved", heads: own };
    }
    if (part !== "attn_qkv" || !["falcon", "bloom", "gptneox"].includes(architecture)) return undefined;
    if (heads === undefined || keyHeads === undefined) return null;
    return { kind: "qkv-apart", heads, keyHeads: architecture === "falcon" ? keyHeads : heads };
  }
}

/** Keys of a file are no keys of ours: "constructor" is none. */
function own(record: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** What is done to undo a change, as a part of a sentence. */
export function changeText({ kind }: GgufChange): string {
  switch (kind) {
    case "heads-interleaved":
      return "rows of each head put back in order";
    case "qkv-apart":
      return "query, key and value put back head by head";
    case "plus-one":
      return "one subtracted, which the converter adds to norms";
    case "transposed":
      return "transposed";
  }
}
