/** Keys under which people save a model, as parts of a longer key. */
export const modelWords =
  /(?:^|[_.\d])(?:model|net|network|module|state_dict|weights?|params|parameters|generator|discriminator|critic|actor|policy|encoder|decoder|student|backbone|head|splats|gaussians|emb(?:edding)?s?)(?:[_.\d]|$)|^(?:net)?[DdGg](?:_?[A-Z\d])?$/i;

/** Tensors that people save as data. */
const dataWords =
  /^(?:x|y|xs|ys|data|images?|imgs?|labels?|targets?|inputs?|outputs?|features?|samples?|train|test|val|valid|idx|indices|ids|edge_index|edge_attr|tokens|input_ids|attention_mask|mask|masks|pos|logits|preds?|predictions?|scores?|losses?|accs?|rewards?|timestamps?|spec|mel|audio|wav|latents?|noise|points|points3d)(?:_|\d|$)|_(?:train|test|val|images?|labels?|data|ids|losses)$/i;

/** What parameters that somebody writes down by hand are called. */
const parameterWords =
  /weight|bias|kernel|gamma|beta|embed|conv|fc|linear|dense|layer|norm|lora|attn|proj|scale|theta|alpha|factor|coef|intercept|^(?:h\d+|params?)$|(?:^|_)[Ww]\d*(?:_|$)|_b\d*$/i;

/** `W1`, `b`, `Wxh`, and in the second other words as short. */
const shortName = /^(?:[WUw](?:_?\d{1,3}|_?[xhiofcgzry]{1,3})?|[Vb](?:_?\d{1,3}|_?[xhiofcgzry])?)$/;
const shortWord = /^[WUVbw](?:_?[a-z\d]{0,3})$/i;

/** Numbers that are measured and not learned, as the beginning of a word: `wlr1` is a weight. */
const measureWords =
  /(?:^|[^a-z]|(?:train|val|valid|test|eval|avg|mean|best))(?:loss|acc|err|metric|best|score|reward|return|step|epoch|count|time|lr)/i;

export function isMeasureName(name: string): boolean {
  return measureWords.test(name.replace(/([a-z\d])([A-Z])/g, "$1_$2"));
}

export function isDataName(name: string): boolean {
  return dataWords.test(name);
}

/** Whether a part of a name, or the whole, is one that people give a parameter or a model. */
export function isParameterWord(name: string): boolean {
  return parameterWords.test(name) || shortName.test(name) || modelWords.test(name);
}

/** A path through modules (`layer1/kernel`, `mlp.0.w`) is taken for one of a model whatever it is called. */
export function mayBeParameter(name: string): boolean {
  return /[./<]/.test(name) || parameterWords.test(name) || shortWord.test(name);
}
