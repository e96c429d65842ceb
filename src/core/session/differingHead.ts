import type { TensorReader } from "../checkpoint/tensorReader";
import { sameItems } from "../lists/sameItems";
import type { Problem } from "../problem/problem";
import { quote } from "../text/quote";
import type { CheckpointSession } from "./checkpointSession";

/** Of head and embedding; two that were trained apart differ in their first values already. */
const comparedBytes = 8 * 1024;

/**
 * A head with values of its own, where the configuration says that it is the embedding: loaders take the embedding
 * for it, and what was trained is lost. A copy of the embedding only takes room.
 */
export async function differingHead(
  { checkpoint: { tensors }, folder }: CheckpointSession,
  reader: TensorReader,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  if (folder.config?.value.get("tie_word_embeddings") !== true) return [];
  const head = tensors.find(({ name }) => /(?:^|\.)lm_head\.weight$/.test(name));
  const embedding = tensors.find(({ name }) => /(?:^|\.)embed_tokens\.weight$/.test(name));
  if (head === undefined || embedding === undefined || head.dtype !== embedding.dtype) return [];
  const length = Math.min(comparedBytes, head.byteSize, embedding.byteSize);
  const [one, other] = await Promise.all(
    [head, embedding].map((tensor) => reader.readRange(tensor, 0, length, signal)),
  );
  if (one === undefined || sameItems(one, other)) return [];
  const message = `${quote(head.name)} has other values than ${quote(embedding.name)}, and config.json says that they are one (tie_word_embeddings): loaders leave the head out, and with it what was trained in it. Say false there, if the head is meant.`;
  return [{ severity: "warning", code: "HeadDiffers", message, tensor: head.name }];
}
