import { architectureOf, parseModelConfig } from "../../health/config/modelConfig";
import { isJsonObject, type JsonObject } from "../../json/parseJson";
import type { CheckpointSession } from "../../session/checkpointSession";
import type { Tensor } from "../../tensors/tensor";
import type { ConvertPlan } from "./convert";
import { notMergeable } from "./mergeRefusal";
import { byteSizeOf } from "./shards";

const embeddingName = /(?:^|\.)(?:embed_tokens|wte|word_embeddings|embed_in|tok_embeddings|shared)\.weight$/;
const headName = /(?:^|\.)(?:lm_head|embed_out|output)\.weight$/;
export const headPath = /(?:^|\.)(?:lm_head|embed_out|output)$/;
/** What transformers calls the head of models whose weights it keeps below such a prefix. */
const usualHead = "lm_head.weight";
const usualEmbedding = /^(?:model|transformer)\.(?:embed_tokens|wte)\.weight$/;

/** Classes of transformers with a head of their own in place of one over the vocabulary, whatever is said of ties. */
const hasTaskHead = /For(?:SequenceClassification|TokenClassification|QuestionAnswering|MultipleChoice)$/;

/** Classes with a head over the vocabulary, which is tied to the embeddings unless something says that it is not. */
const hasVocabularyHead = /For(?:CausalLM|ConditionalGeneration|MaskedLM|PreTraining)$|LMHeadModel$/;

/** An output head that is the weight of the embeddings. */
export interface TiedHead {
  readonly embedding: Tensor;
  /** The plan with a head of its own; undefined where a model that is not tied computes otherwise, or is told elsewhere. */
  readonly untied: { readonly head: Tensor; readonly conversion: ConvertPlan } | undefined;
}

/** Undefined where the head is another weight, or nothing says that there is one. */
export function tiedHead(base: CheckpointSession, conversion: ConvertPlan): TiedHead | undefined {
  const { tensors, tied } = conversion;
  const planned = tensors.find(({ name }) => embeddingName.test(name));
  if (planned === undefined) return undefined;
  const { tensor: embedding, dtype } = planned;
  const json = base.folder.config?.value;
  const isShared = tied.some(([name, kept]) => kept === planned.name && headName.test(name));
  const isTold = !tensors.some(({ name }) => headName.test(name)) && json !== undefined && saysTied(json);
  if (!isShared && !isTold) return undefined;
  const isPlain = usualEmbedding.test(planned.name) && json !== undefined && isOfOneModel(json);
  if (!isPlain || embedding.packed !== undefined) return { embedding, untied: undefined };
  const head = { ...embedding, name: usualHead };
  const own = {
    ...conversion,
    tensors: [...tensors, { name: usualHead, tensor: head, dtype }],
    bytes: conversion.bytes + byteSizeOf({ dtype, shape: embedding.shape }),
    tied: tied.filter(([name, kept]) => kept !== planned.name || !headName.test(name)),
  };
  return { embedding, untied: { head, conversion: own } };
}

/** Whether the settings of a model say, or leave it to a default, that its head is its embeddings. */
function saysTied(json: JsonObject): boolean {
  const { tied, isGenerator } = parseModelConfig(json);
  return tied !== false && (isGenerator || (tied === true && !hasTaskHead.test(architectureOf(json) ?? "")));
}

/** An encoder and decoder scales what comes out of a tied head, and settings of several models tie each on their own. */
function isOfOneModel(json: JsonObject): boolean {
  return (
    json.get("is_encoder_decoder") !== true &&
    ![...json.values()].some((value) => isJsonObject(value) && value.has("tie_word_embeddings")) &&
    !["text_config", "llm_config"].some((key) => json.has(key))
  );
}

/**
 * What else is a base's embeddings that get values of their own: its head, under this name, or something of which it is not
 * known what a model calls it; undefined where nothing is, or nothing tells.
 */
export function tiedTo(
  embedding: string,
  { folder, checkpoint }: CheckpointSession,
): "lm_head" | "unknown" | undefined {
  if (!embeddingName.test(embedding)) return undefined;
  // An encoder and a decoder each have these as embed_tokens, whatever is said of the head.
  if (/(?:^|\.)shared\.weight$/.test(embedding)) return "unknown";
  const json = folder.config?.value;
  if (json === undefined || !hasVocabularyHead.test(architectureOf(json) ?? "")) return undefined;
  const { tied } = parseModelConfig(json);
  if (tied === false) return undefined;
  // Where ties are said and not left to a default, a head in the file is left out by who loads it.
  const isOwn = tied !== true && checkpoint.tensors.some(({ name }) => headName.test(name));
  if (isOwn) return undefined;
  const isPlain = usualEmbedding.test(embedding) || embedding === "model.decoder.embed_tokens.weight";
  return isPlain && isOfOneModel(json) ? "lm_head" : "unknown";
}

/** Whether an adapter trained the embeddings or the head apart: rows of tokens are trained for both. */
export function trainsApart({ adapter, adapterConfig }: CheckpointSession): boolean {
  return adapter !== undefined && adapter.otherTensors.length === 0 && adapterConfig?.tiesWeights !== true;
}

/**
 * Refuses a change of the embeddings alone where the output head is the same weight: the adapter left the head as it was,
 * and a model with one weight for both cannot.
 * @throws CheckpointError `NotMergeable`
 */
export function refuseTiedEmbedding(
  { embedding }: TiedHead,
  adapters: readonly { readonly session: CheckpointSession }[],
  changed: readonly Tensor[],
): void {
  const session = adapters.find((one) => trainsApart(one.session))?.session;
  if (session === undefined || !changed.includes(embedding)) return;
  throw notMergeable(
    session,
    `The base's output head is its ${embedding.name}, and the adapter changed the embeddings alone: in the one weight the head would change too. Save the base untied first (tie_word_embeddings false, with an lm_head.weight of its own) and merge into that.`,
  );
}
