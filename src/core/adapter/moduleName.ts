import { lastPart } from "../text/lastPart";
/** Where a module stands in its model, read from its path. */
export interface ModulePlace {
  /** The path up to and with the last index of a layer, e.g. `model.layers.3`; "" where there is no layer. */
  readonly block: string;
  /** The same path with its indexes replaced by `*`: equal for the layers of one stack. */
  readonly stack: string;
  /** The indexes of `block`, outermost first: [3], or [2, 1, 0] in a U-Net. */
  readonly indexes: readonly number[];
  /** What the module is within its layer, e.g. `self_attn.q_proj`. */
  readonly kind: string;
}

/** Words before an index that number layers; an index after another word (`net.2`, `to_out.0`) is part of a kind. */
const container =
  /(?:^|_)(?:layers?|blocks?|blk|h|stages?|resnets?|attentions?|transformers?|groups?|cells?|units?|downsamplers?|upsamplers?)$/;

/** Before an index, experts are many modules of one kind in one layer. */
const manyOfOneKind = /^(?:experts?)$/;

/**
 * Finds layer and kind in a module's path, in dots (`model.layers.3.self_attn.q_proj`) or in kohya's underscores
 * (`lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_q`).
 */
export function placeOfModule(module: string): ModulePlace {
  const separator = module.includes(".") ? "." : "_";
  const tokens = module.split(separator);
  const at = layerIndexes(tokens);
  const last = at.at(-1);
  if (last === undefined || last === tokens.length - 1) {
    return { block: "", stack: "", indexes: [], kind: module };
  }
  return {
    block: tokens.slice(0, last + 1).join(separator),
    stack: tokens
      .slice(0, last + 1)
      .map((token, index) => (at.includes(index) ? "*" : token))
      .join(separator),
    indexes: at.map((index) => Number(tokens[index])),
    kind: tokens.slice(last + 1).join(separator),
  };
}

/** Where the tokens that number layers stand. Without a known container the first number counts. */
function layerIndexes(tokens: readonly string[]): readonly number[] {
  const numbers = tokens.flatMap((token, index) => (/^\d{1,6}$/.test(token) ? [index] : []));
  const inner = tokens.findIndex((token) => manyOfOneKind.test(token));
  const outer = numbers.filter((index) => inner < 0 || index < inner);
  const known: number[] = [];
  for (const index of outer) {
    // `input_blocks_4_1`: a second number right after the first counts the same things.
    if (container.test(tokens[index - 1] ?? "") || known.at(-1) === index - 1) known.push(index);
  }
  if (known.length > 0) return known;
  return outer.slice(0, 1).filter((index) => index < tokens.length - 1);
}

/** "q_proj of layer 3", as sentences name a module. The path itself where it tells no layer. */
export function shortModuleName(module: string): string {
  const { indexes, kind } = placeOfModule(module);
  return indexes.length === 0 ? module : `${lastPart(kind)} of layer ${indexes.join(".")}`;
}
