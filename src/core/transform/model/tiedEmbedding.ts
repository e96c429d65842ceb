import { parseModelConfig } from "../../health/config/modelConfig";
import type { CheckpointSession } from "../../session/checkpointSession";
import type { Tensor } from "../../tensors/tensor";
import type { ConvertPlan } from "./convert";
import { notMergeable } from "./mergeRefusal";

const embeddingName = /(?:^|\.)(?:embed_tokens|wte|word_embeddings|embed_in|tok_embeddings|shared)\.weight$/;
const headName = /(?:^|\.)(?:lm_head|embed_out|output)\.weight$/;

/**
 * Refuses a change of the embeddings alone where the output head is the same weight: the adapter left the head as it was,
 * and a model with one weight for both cannot. Rows of tokens are trained for both.
 * @throws CheckpointError `NotMergeable`
 */
export function refuseTiedEmbedding(
  base: CheckpointSession,
  { tensors, tied }: ConvertPlan,
  adapters: readonly { readonly session: CheckpointSession }[],
  changed: readonly Tensor[],
): void {
  const embedding = changed.find(({ name }) => embeddingName.test(name));
  const session = adapters.find(
    ({ session: { adapter, adapterConfig } }) =>
      adapter !== undefined && adapter.otherTensors.length === 0 && adapterConfig?.tiesWeights !== true,
  )?.session;
  if (embedding === undefined || session === undefined) return;
  const config = base.folder.config && parseModelConfig(base.folder.config.value);
  const hasHead = tensors.some(({ name }) => headName.test(name));
  const isTied =
    tied.some(([name, kept]) => kept === embedding.name && headName.test(name)) ||
    (!hasHead &&
      config !== undefined &&
      config.tied !== false &&
      (config.tied === true || config.isGenerator));
  if (!isTied) return;
  throw notMergeable(
    session,
    `The base's output head is its ${embedding.name}, and the adapter changed the embeddings alone: in the one weight the head would change too. Save the base untied first (tie_word_embeddings false, with an lm_head.weight of its own) and merge into that.`,
  );
}
