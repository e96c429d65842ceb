/** Layers of one kind that are numbered from 0, as an architecture names them. */
export interface LayerStack {
  /** Begins a tensor's name; what a group of it catches is the layer's number. */
  readonly layer: RegExp;
  /** Keys of config.json that may say how many there are; the first that is a number does. */
  readonly countedBy: readonly string[];
  /** Where a layer must not be missing even if nothing says how many there are: few names are made like these. */
  readonly isCertain?: boolean;
}

/** As transformers writes them; towers of images and sound within larger models have others. */
export const layerStacks: readonly LayerStack[] = [
  {
    layer: /^(?:model\.)?(?:language_model\.)?(?:model\.)?layers\.(\d+)\.|^(?:transformer\.)?h\.(\d+)\./,
    countedBy: ["num_hidden_layers", "n_layer", "num_layers"],
    isCertain: true,
  },
  // BERT and its kin, ViT.
  { layer: /^(?:\w+\.)?encoder\.layer\.(\d+)\./, countedBy: ["num_hidden_layers"], isCertain: true },
  { layer: /^gpt_neox\.layers\.(\d+)\./, countedBy: ["num_hidden_layers"] },
  // OPT, and of encoders with a decoder BART, Whisper, Marian and M2M.
  { layer: /^(?:model\.)?decoder\.layers\.(\d+)\./, countedBy: ["decoder_layers", "num_hidden_layers"] },
  { layer: /^(?:model\.)?encoder\.layers\.(\d+)\./, countedBy: ["encoder_layers"] },
  { layer: /^encoder\.block\.(\d+)\./, countedBy: ["num_layers"] },
  { layer: /^decoder\.block\.(\d+)\./, countedBy: ["num_decoder_layers", "num_layers"] },
  { layer: /^distilbert\.transformer\.layer\.(\d+)\./, countedBy: ["n_layers"] },
  { layer: /^transformer\.blocks\.(\d+)\./, countedBy: ["n_layers"] },
  {
    layer: /^(?:wav2vec2|hubert|wavlm)\.encoder\.layers\.(\d+)\./,
    countedBy: ["num_hidden_layers"],
  },
];

/** The stack and the number of the layer that a tensor belongs to. */
export interface LayerPlace {
  readonly stack: LayerStack;
  readonly layer: number;
  /** What the tensor's name begins with, e.g. "model.layers.3." */
  readonly path: string;
}

/** Finds the layers of tensors in name order, where most lie in that of the tensor before. */
export class LayerFinder {
  private last: LayerPlace | undefined;

  of(name: string): LayerPlace | undefined {
    const { last } = this;
    if (last !== undefined) {
      if (name.startsWith(last.path)) return last;
      const next = nextLayer(name, last);
      if (next !== undefined) {
        this.last = next;
        return next;
      }
    }
    for (const stack of layerStacks) {
      const match = stack.layer.exec(name);
      if (match === null) continue;
      this.last = { stack, layer: Number(match[1] ?? match[2]), path: match[0] };
      return this.last;
    }
    return undefined;
  }
}

/** Of a name that has another number in place of the layer's; undefined for all others. */
function nextLayer(name: string, { stack, path }: LayerPlace): LayerPlace | undefined {
  const start = path.lastIndexOf(".", path.length - 2) + 1;
  const end = name.indexOf(".", start);
  if (end <= start || !name.startsWith(path.slice(0, start))) return undefined;
  for (let at = start; at < end; at++) if (!isDigit(name.charCodeAt(at))) return undefined;
  return { stack, layer: Number(name.slice(start, end)), path: name.slice(0, end + 1) };
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** What turns tokens, patches or samples into the width of the layers: part of a model alone has none. */
export const embeddingName =
  /^(?:model\.)?(?:language_model\.)?(?:model\.)?embed_tokens\.weight$|^(?:transformer\.)?wte\.weight$|^(?:\w+\.)?embeddings\.word_embeddings\.weight$|^(?:transformer\.)?word_embeddings\.weight$|^gpt_neox\.embed_in\.weight$|^(?:model\.)?decoder\.embed_tokens\.weight$|^(?:model\.)?shared\.weight$/;

/** The same of models that read no tokens, whose rows are no vocabulary. */
export const inputName =
  /^(?:\w+\.)?embeddings\.patch_embeddings\.projection\.weight$|^\w+\.feature_extractor\.conv_layers\.0\.conv\.weight$/;

/** Turns the width of the layers into the vocabulary. */
export const headName = /(?:^|\.)(?:lm_head|output|embed_out|score)\.(?:weight|qweight|weight_packed)$/;

/** Of the last norm of a decoder or an encoder, which is as wide as the layers. */
export const lastNormName =
  /^(?:model\.)?(?:language_model\.)?(?:model\.)?norm\.weight$|^(?:transformer\.)?(?:ln_f|norm_f)\.weight$|^gpt_neox\.final_layer_norm\.weight$|^(?:model\.)?decoder\.(?:final_)?layer_norm\.weight$|^vit\.layernorm\.weight$/;

/** Of a norm within a layer: none is ever cut across the processes of tensor parallelism. */
export const layerNormName =
  /\.(?:input_layernorm|ln_1|self_attn_layer_norm|sa_layer_norm|norm_1|layernorm_before|attention\.output\.LayerNorm|layer\.0\.layer_norm)\.weight$/;
