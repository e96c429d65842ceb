import { getOrMake } from "../../lists/getOrMake";
import type { Problem, Severity } from "../../problem/problem";
import { formatShape, type Tensor } from "../../tensors/tensor";
import { plural } from "../../text/quantities";
import { emptyParameters } from "../absentValues";
import { type HealthSubject, isWhole } from "../healthSubject";
import { languageConfigOnly, missingPrediction, widerThanSaid } from "./besideConfig";
import { expertFindings } from "./expertFindings";
import {
  embeddingName,
  headName,
  inputName,
  LayerFinder,
  type LayerPlace,
  type LayerStack,
  lastNormName,
  layerNormName,
  layerStacks,
} from "./layerStacks";
import { type MatrixRule, matrixRules } from "./matrixShapes";
import { type ModelConfig, parseModelConfig } from "./modelConfig";
import { predictionHead } from "./predictionHead";
import { expectation, isUnpacked, slicedWeights } from "./slicedWeights";
import { tableRows } from "./tableRows";
import { scalingWithoutFactor, tokensBeyond } from "./tokenSettings";
import { unlikeLayers } from "./unlikeLayers";

/** Numbers of config.json that the weights contradict: one finding each, with both numbers. */
export function configFindings(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, folder, adapter } = subject;
  if (adapter !== undefined || !isWhole(subject) || emptyParameters(subject).length > 0) return [];
  const model = findModel(checkpoint.tensors);
  const config = folder.config === undefined ? noConfig : parseModelConfig(folder.config.value);
  // Part of a model, such as a projector that was trained alone, has no embedding.
  if ((model.embedding ?? model.input) === undefined) return [];
  if (model.layers.size === 0) return withoutLayers(subject, config);
  const found = [
    ...[...model.layers].flatMap(([stack, layers]) => layerFindings(config, stack, layers, model)),
    ...[...model.layers].flatMap(([stack, names]) =>
      // Stages of other models are numbered like layers, and are unlike each other.
      stack === layerStacks[0] || config.number(...stack.countedBy) !== undefined ? unlikeLayers(names) : [],
    ),
    ...shapeFindings(config, model),
    ...expertFindings(config, checkpoint.tensors),
    ...headFindings(config, model),
    ...besideConfig(subject, config, model),
  ];
  return found.map((problem) => ({ ...problem, file: checkpoint.path }));
}

/** What is no number, or no contradiction. */
function besideConfig(
  { checkpoint: { tensors }, folder }: HealthSubject,
  { number, extraLayers }: ModelConfig,
  { layers, embedding }: Model,
): readonly Problem[] {
  const json = folder.config?.value;
  if (json === undefined) return [];
  const [[stack, present] = []] = layers;
  const announced = stack && number(...stack.countedBy);
  const surplus = announced === undefined ? 0 : (present?.size ?? 0) - announced;
  return [
    ...languageConfigOnly(json, tensors),
    ...missingPrediction(extraLayers, surplus, tensors),
    ...widerThanSaid(json, tensors),
    ...predictionHead(json, tensors),
    ...tableRows(json, tensors),
    ...tokensBeyond(json, embedding),
    ...scalingWithoutFactor(json),
  ];
}

/** Under the name of a whole model nothing but what stands before and behind its layers. */
function withoutLayers({ checkpoint }: HealthSubject, config: ModelConfig): readonly Problem[] {
  const { name, path, tensors } = checkpoint;
  const isAround = (tensor: Tensor) =>
    [embeddingName, headName, lastNormName].some((pattern) => pattern.test(tensor.name));
  const layers = config.number("num_hidden_layers", "n_layer", "num_layers");
  if (layers === undefined || !/^(?:model|pytorch_model)\.(?:safetensors|bin)$/.test(name)) return [];
  if (!tensors.every(isAround)) return [];
  const message = `config.json says ${plural(layers, "layer")}, the weights hold none: only ${tensors.map((tensor) => tensor.name).join(", ")}. All layers would be initialised at random.`;
  return [{ ...finding("error", "LayersMissing", message), file: path }];
}

const noConfig: ModelConfig = parseModelConfig(new Map());

interface Model {
  /** Of each stack of layers the names within each layer, without its path. */
  readonly layers: ReadonlyMap<LayerStack, ReadonlyMap<number, readonly string[]>>;
  readonly embedding: Tensor | undefined;
  /** What stands in place of an embedding where no tokens are read. */
  readonly input: Tensor | undefined;
  readonly head: Tensor | undefined;
  /** The first of each. */
  readonly matrices: ReadonlyMap<MatrixRule, Tensor>;
  /** The first of the queries and of the keys, by the last part of its module's name. */
  readonly attention: ReadonlyMap<string, Tensor>;
  /** The width that the model's norms have. */
  readonly width: number | undefined;
  readonly lastNorm: Tensor | undefined;
}

function findModel(tensors: readonly Tensor[]): Model {
  const layers = new Map<LayerStack, Map<number, string[]>>();
  const matrices = new Map<MatrixRule, Tensor>();
  const attention = new Map<string, Tensor>();
  let embedding: Tensor | undefined;
  let input: Tensor | undefined;
  let head: Tensor | undefined;
  let lastNorm: Tensor | undefined;
  let width: number | undefined;
  const finder = new LayerFinder();
  let last: LayerPlace | undefined;
  let ofLayer: string[] = [];
  // The rules look for the first of its kind: what a layer before had under that name was looked at.
  const seenBelow = new Map<string, Set<string>>();
  let seen = new Set<string>();
  for (const tensor of tensors) {
    const { name } = tensor;
    const at = finder.of(name);
    if (at !== undefined) {
      const own = name.slice(at.path.length);
      if (at === last) ofLayer.push(own);
      else {
        last = at;
        const ofStack = getOrMake(layers, at.stack, () => new Map<number, string[]>());
        const known = ofStack.get(at.layer);
        // With its first name: an empty list that grows makes room for seventeen.
        ofLayer = known ?? [own];
        if (known === undefined) ofStack.set(at.layer, ofLayer);
        else known.push(own);
        seen = getOrMake(seenBelow, withoutLayer(at.path), () => new Set<string>());
      }
      if (seen.has(own)) continue;
      seen.add(own);
      const rule = matrixRules.find((one) => !matrices.has(one) && one.name.test(name));
      if (rule !== undefined) matrices.set(rule, tensor);
      const ofAttention = /\.self_attn\.([qk]_proj)\.weight$/.exec(name)?.[1];
      if (ofAttention !== undefined && !attention.has(ofAttention)) attention.set(ofAttention, tensor);
      if (layerNormName.test(name)) width ??= tensor.shape[0];
    } else if (embeddingName.test(name)) embedding ??= tensor;
    else if (inputName.test(name)) input ??= tensor;
    else if (headName.test(name)) head ??= tensor;
    else if (lastNormName.test(name)) lastNorm ??= tensor;
  }
  return { layers, embedding, input, head, matrices, attention, width, lastNorm };
}

/** Up to the number that a layer's path ends in. */
function withoutLayer(path: string): string {
  return path.slice(0, path.lastIndexOf(".", path.length - 2) + 1);
}

function layerFindings(
  config: ModelConfig,
  stack: LayerStack,
  present: ReadonlyMap<number, unknown>,
  { layers: stacks }: Model,
): readonly Problem[] {
  const announced = config.number(...stack.countedBy);
  const layers = new Set(present.keys());
  if (announced === undefined) return stack.isCertain === true ? gapFindings(layers) : [];
  const missing: number[] = [];
  for (let layer = 0; layer < Math.min(announced, 10_000); layer++)
    if (!layers.has(layer)) missing.push(layer);
  const part =
    stacks.size === 1 ? "" : stack.layer.source.includes("decoder") ? " of the decoder" : " of the encoder";
  const said = `config.json says ${plural(announced, "layer")}${part}`;
  if (missing.length > 0) {
    const message = `${said}, the weights hold ${layers.size}: ${missing.length === 1 ? "layer" : "layers"} ${listed(missing)} ${missing.length === 1 ? "is" : "are"} missing and would be initialised at random.`;
    return [finding("error", "LayersMissing", message)];
  }
  const surplus = layers.size - announced;
  if (surplus <= config.extraLayers) return [];
  const message = `${said}, the weights hold ${layers.size}: loaders leave the others out.`;
  return [finding("warning", "LayersUnused", message)];
}

/** Without a number of layers to hold them against, the highest one tells that those below it must be there. */
function gapFindings(layers: ReadonlySet<number>): readonly Problem[] {
  let highest = 0;
  // Not spread: there may be more than a call can take.
  for (const layer of layers) highest = Math.max(highest, layer);
  const last = Math.min(highest, 10_000);
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

function shapeFindings(config: ModelConfig, model: Model): readonly Problem[] {
  const { vocabulary, hidden, embeddingWidth, plainHeads } = config;
  const { heads, keyHeads, perHead } = plainHeads ?? {};
  const { embedding, head, matrices, attention, width, lastNorm } = model;
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
  // A classifier's head, and one of several codebooks, have rows of their own.
  const isWordHead = head !== undefined && /(?:^|\.)lm_head\.weight$/.test(head.name) && config.isGenerator;
  // What is wrong with the vocabulary as a whole is said of the embedding.
  if (isWordHead && rows === vocabulary && isUnpacked(head))
    tell("vocab_size", vocabulary, head.shape[0], head);
  if (lastNorm !== undefined && !isNarrow) tell("hidden_size", hidden, lastNorm.shape[0], lastNorm);
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
  const toldOf = new Set<string>();
  for (const [{ inner, shape }, tensor] of matrices) {
    const setting = inner && config[inner.setting];
    const isKnown = expectation("feedForward", tensor, shape(config, tensor)).length > 0;
    if (inner === undefined || setting?.key === undefined || !isKnown || isNarrow) continue;
    const actual = tensor.shape[inner.axis(config, tensor)];
    if (actual === undefined || toldOf.has(setting.key)) continue;
    tell(setting.key, setting.value, actual / inner.times, tensor);
    toldOf.add(setting.key);
  }
  return found;
}

function headFindings({ tied, isGenerator }: ModelConfig, { head, embedding }: Model): readonly Problem[] {
  if (tied === false && head === undefined && isGenerator) {
    const message = `config.json says tie_word_embeddings false, and there is no ${embedding?.name.startsWith("gpt_neox.") ? "embed_out" : "lm_head"}.weight: it would be initialised at random.`;
    return [finding("warning", "HeadMissing", message)];
  }
  if (tied !== true || head === undefined || embedding === undefined || !/lm_head/.test(head.name)) return [];
  const message = `config.json says tie_word_embeddings true, and the weights hold ${head.name} (${formatShape(head.shape)}) beside ${embedding.name} (${formatShape(embedding.shape)}): loaders use the embedding and leave ${head.name} out.`;
  return [{ ...finding("warning", "HeadUnused", message), tensor: head.name }];
}

function finding(severity: Severity, code: string, message: string): Problem {
  return { severity, code, message };
}
