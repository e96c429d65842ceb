import type { Problem, Severity } from "../problem/problem";
import { formatShape, type Tensor } from "../tensors/tensor";
import { plural } from "../text/quantities";
import { emptyParameters } from "./absentValues";
import { type HealthSubject, isWhole } from "./healthSubject";
import { type MatrixRule, matrixRules } from "./matrixShapes";
import { type ModelConfig, parseModelConfig } from "./modelConfig";
import { expectation, isUnpacked, slicedWeights } from "./slicedWeights";
import { unlikeLayers } from "./unlikeLayers";

/** Names of decoders as transformers writes them; towers of images and sound have others. */
const decoderLayer =
  /^(?:model\.)?(?:language_model\.)?(?:model\.)?layers\.(\d+)\.|^(?:transformer\.)?h\.(\d+)\./;
const decoderEmbedding =
  /^(?:model\.)?(?:language_model\.)?(?:model\.)?embed_tokens\.weight$|^(?:transformer\.)?wte\.weight$/;
const decoderNorm = /^(?:model\.)?(?:language_model\.)?(?:model\.)?norm\.weight$/;
const headWeight = /(?:^|\.)(?:lm_head|output|embed_out|score)\.(?:weight|qweight|weight_packed)$/;
const encoderLayer = /^(?:\w+\.)?encoder\.layer\.(\d+)\./;
const encoderEmbedding = /^(?:\w+\.)?embeddings\.word_embeddings\.weight$/;
const expertName = /\.experts\.(\d+)\./;

/** Numbers of config.json that the weights contradict: one finding each, with both numbers. */
export function configFindings(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, folder, adapter } = subject;
  if (adapter !== undefined || !isWhole(subject) || emptyParameters(subject).length > 0) return [];
  const decoder = findDecoder(checkpoint.tensors);
  // Part of a model, such as a projector that was trained alone, has no embedding.
  const config = folder.config === undefined ? noConfig : parseModelConfig(folder.config.value);
  if (decoder.embedding === undefined) return [];
  if (decoder.layers.size === 0) return withoutLayers(subject, config);
  const found = [
    ...layerFindings(config, decoder.layers),
    ...unlikeLayers(namesByLayer(checkpoint.tensors)),
    ...shapeFindings(config, decoder),
    ...expertFindings(config, checkpoint.tensors),
    ...headFindings(config, decoder),
  ];
  return found.map((problem) => ({ ...problem, file: checkpoint.path }));
}

/** Under the name of a whole model nothing but what stands before and behind its layers. */
function withoutLayers({ checkpoint }: HealthSubject, { layers }: ModelConfig): readonly Problem[] {
  const { name, path, tensors } = checkpoint;
  const isAround = (tensor: Tensor) =>
    [decoderEmbedding, headWeight, decoderNorm].some((pattern) => pattern.test(tensor.name));
  if (layers === undefined || !/^(?:model|pytorch_model)\.(?:safetensors|bin)$/.test(name)) return [];
  if (!tensors.every(isAround)) return [];
  const message = `config.json says ${plural(layers, "layer")}, the weights hold none: only ${tensors.map((tensor) => tensor.name).join(", ")}. All layers would be initialised at random.`;
  return [{ ...finding("error", "LayersMissing", message), file: path }];
}

const noConfig: ModelConfig = parseModelConfig(new Map());

/** The names within each layer of the decoder, without its path. */
function namesByLayer(tensors: readonly Tensor[]): ReadonlyMap<number, readonly string[]> {
  const layers = new Map<number, string[]>();
  for (const { name } of tensors) {
    const match = decoderLayer.exec(name);
    if (match === null) continue;
    const layer = Number(match[1] ?? match[2]);
    const names = layers.get(layer) ?? [];
    layers.set(layer, names);
    names.push(name.slice(match[0].length));
  }
  return layers;
}

interface Decoder {
  readonly layers: ReadonlySet<number>;
  readonly embedding: Tensor | undefined;
  readonly head: Tensor | undefined;
  /** The first of each. */
  readonly matrices: ReadonlyMap<MatrixRule, Tensor>;
  /** The first of the queries and of the keys, by the last part of its module's name. */
  readonly attention: ReadonlyMap<string, Tensor>;
  /** The first up-projection of a dense layer. */
  readonly up: Tensor | undefined;
  /** The width that the model's norms have. */
  readonly width: number | undefined;
  /** Of the last norm of the decoder. */
  readonly lastNorm: Tensor | undefined;
}

function findDecoder(tensors: readonly Tensor[]): Decoder {
  const layers = new Set<number>();
  let embedding: Tensor | undefined;
  let head: Tensor | undefined;
  const matrices = new Map<MatrixRule, Tensor>();
  const attention = new Map<string, Tensor>();
  let up: Tensor | undefined;
  let width: number | undefined;
  let lastNorm: Tensor | undefined;
  for (const tensor of tensors) {
    const { name } = tensor;
    const match = decoderLayer.exec(name) ?? encoderLayer.exec(name);
    if (match !== null) {
      layers.add(Number(match[1] ?? match[2]));
      const rule = matrixRules.find((one) => !matrices.has(one) && one.name.test(name));
      if (rule !== undefined) matrices.set(rule, tensor);
      const ofAttention = /\.self_attn\.([qk]_proj)\.weight$/.exec(name)?.[1];
      if (ofAttention !== undefined && !attention.has(ofAttention)) attention.set(ofAttention, tensor);
      if (/\.mlp\.(?:up|gate)_proj\.weight$/.test(name)) up ??= tensor;
      if (/\.(?:input_layernorm|ln_1)\.weight$/.test(name)) width ??= tensor.shape[0];
    } else if (decoderEmbedding.test(name) || encoderEmbedding.test(name)) embedding ??= tensor;
    else if (headWeight.test(name)) head ??= tensor;
    else if (decoderNorm.test(name)) lastNorm ??= tensor;
  }
  return { layers, embedding, head, matrices, attention, up, width, lastNorm };
}

function layerFindings(config: ModelConfig, layers: ReadonlySet<number>): readonly Problem[] {
  if (config.layers === undefined) return gapFindings(layers);
  const missing: number[] = [];
  for (let layer = 0; layer < Math.min(config.layers, 10_000); layer++)
    if (!layers.has(layer)) missing.push(layer);
  const said = `config.json says ${plural(config.layers, "layer")}`;
  if (missing.length > 0) {
    const message = `${said}, the weights hold ${layers.size}: ${missing.length === 1 ? "layer" : "layers"} ${listed(missing)} ${missing.length === 1 ? "is" : "are"} missing and would be initialised at random.`;
    return [finding("error", "LayersMissing", message)];
  }
  const surplus = layers.size - config.layers;
  if (surplus <= config.extraLayers) return [];
  const message = `${said}, the weights hold ${layers.size}: loaders leave the others out.`;
  return [finding("warning", "LayersUnused", message)];
}

/** Without a number of layers to hold them against, the highest one tells that those below it must be there. */
function gapFindings(layers: ReadonlySet<number>): readonly Problem[] {
  const last = Math.min(Math.max(...layers), 10_000);
  const missing = Array.from({ length: last }, (_, layer) => layer).filter((layer) => !layers.has(layer));
  if (missing.length === 0) return [];
  const which = missing.length === 1 ? "layer" : "layers";
  const message = `The weights hold layers up to ${last}, but not ${which} ${listed(missing)}: ${missing.length === 1 ? "it" : "they"} would be initialised at random.`;
  return [finding("error", "LayersMissing", message)];
}

function listed(numbers: readonly number[]): string {
  const shown = numbers.slice(0, 5).join(", ");
  return numbers.length > 5 ? `${shown} and ${numbers.length - 5} more` : shown;
}

function shapeFindings(config: ModelConfig, decoder: Decoder): readonly Problem[] {
  const { vocabulary, hidden, intermediate, embeddingWidth, plainHeads } = config;
  const { heads, keyHeads, perHead } = plainHeads ?? {};
  const { embedding, head, matrices, attention, up, width, lastNorm } = decoder;
  const expected = [
    ...expectation("vocabulary", embedding, [vocabulary, embeddingWidth]),
    ...expectation("vocabulary", head?.name.includes("score") ? undefined : head, [vocabulary, hidden]),
    ...[...matrices].flatMap(([{ part, shape }, tensor]) => expectation(part, tensor, shape(config, tensor))),
  ];
  // Norms are never cut across, so that a model whose norms are as narrow as its embedding is narrow as a whole.
  const isNarrow = width !== undefined && width !== hidden && width === embedding?.shape[1];
  const sliced = isNarrow ? undefined : slicedWeights(expected);
  if (sliced !== undefined) return [sliced];
  const rows = embedding?.shape[0];
  const found: Problem[] = [];
  const tell = (what: string, said: number | undefined, actual: number | undefined, tensor: Tensor) => {
    if (said === undefined || actual === undefined || said === actual) return;
    const message = `config.json says ${what} ${said}, ${tensor.name} is ${formatShape(tensor.shape)}${tensor.shape.length > 1 ? ` (${actual})` : ""}: loaders expect them to agree.`;
    found.push({ ...finding("warning", "ConfigDisagrees", message), tensor: tensor.name });
  };
  if (embedding !== undefined && isUnpacked(embedding)) {
    tell("vocab_size", vocabulary, rows, embedding);
    tell(
      hidden === embeddingWidth ? "hidden_size" : "embedding_size",
      embeddingWidth,
      embedding.shape[1],
      embedding,
    );
  }
  if (lastNorm !== undefined && !isNarrow) tell("hidden_size", hidden, lastNorm.shape[0], lastNorm);
  if (up !== undefined && isUnpacked(up)) tell("intermediate_size", intermediate, up.shape[0], up);
  for (const [of, what, said] of [
    ["q_proj", "num_attention_heads", heads],
    ["k_proj", "num_key_value_heads", keyHeads],
  ] as const) {
    const tensor = attention.get(of);
    const rows = tensor !== undefined && isUnpacked(tensor) ? tensor.shape[0] : undefined;
    if (tensor === undefined || rows === undefined || said === undefined || perHead === undefined) continue;
    if (rows === said * perHead) continue;
    const fitting = rows % perHead === 0 ? `${rows / perHead} heads` : `${rows} rows`;
    const message = `config.json says ${what} ${said}, of ${perHead} numbers each, ${tensor.name} is ${formatShape(tensor.shape)} (${fitting}): loaders expect them to agree.`;
    found.push({ ...finding("warning", "ConfigDisagrees", message), tensor: tensor.name });
  }
  return found;
}

function expertFindings({ experts }: ModelConfig, tensors: readonly Tensor[]): readonly Problem[] {
  const byLayer = new Map<string, Set<number>>();
  for (const { name } of tensors) {
    const layer = decoderLayer.exec(name)?.[0];
    const match = layer === undefined ? null : expertName.exec(name);
    if (layer === undefined || match === null) continue;
    byLayer.set(layer, (byLayer.get(layer) ?? new Set()).add(Number(match[1])));
  }
  const counts = [...byLayer].map(([layer, present]) => ({ layer, count: present.size }));
  if (counts.length === 0) return [];
  // Without a configuration the layers are held against each other; pruned models say in it how many each has.
  const expected = experts ?? Math.max(...counts.map(({ count }) => count));
  const fewer = counts.filter(({ count }) => count < expected);
  const said = experts === undefined ? "Other layers hold" : "config.json says";
  const [first] = fewer;
  if (first !== undefined) {
    const where = fewer.length === counts.length ? "the weights hold" : `${first.layer.slice(0, -1)} holds`;
    const message = `${said} ${plural(expected, "expert")}, ${where} ${first.count}.`;
    return [finding("error", "ExpertsDisagree", message)];
  }
  const most = Math.max(...counts.map(({ count }) => count));
  if (most === expected) return [];
  const message = `${said} ${plural(expected, "expert")}, the weights hold ${most}.`;
  return [finding("warning", "ExpertsDisagree", message)];
}

function headFindings({ tied, isGenerator }: ModelConfig, { head, embedding }: Decoder): readonly Problem[] {
  if (tied === false && head === undefined && isGenerator) {
    const message =
      "config.json says tie_word_embeddings false, and there is no lm_head.weight: it would be initialised at random.";
    return [finding("warning", "HeadMissing", message)];
  }
  if (tied !== true || head === undefined || embedding === undefined || !/lm_head/.test(head.name)) return [];
  const message = `config.json says tie_word_embeddings true, and the weights hold ${head.name} (${formatShape(head.shape)}) beside ${embedding.name} (${formatShape(embedding.shape)}): loaders use the embedding and leave ${head.name} out.`;
  return [{ ...finding("warning", "HeadUnused", message), tensor: head.name }];
}

function finding(severity: Severity, code: string, message: string): Problem {
  return { severity, code, message };
}
