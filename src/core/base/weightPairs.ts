import { modulePath } from "../adapter/loraKey";
import { matchNames, type NameRename } from "../names/matchNames";
import type { CheckpointSession } from "../session/checkpointSession";
import { elementCount, type Tensor } from "../tensors/tensor";
import { withExpertSlices } from "./expertSlices";

/** A weight that both models have. */
export interface WeightPair {
  /** Path of the module, without `.weight`. */
  readonly module: string;
  readonly base: Tensor;
  readonly tuned: Tensor;
}

export interface WeightPairs {
  /** Matrices of linear layers: what an adapter can hold. */
  readonly linear: readonly WeightPair[];
  /** Everything else of one shape in both: embeddings, norms, biases, convolutions, codes of packed weights. */
  readonly others: readonly WeightPair[];
  readonly onlyInBase: readonly Tensor[];
  readonly onlyInTuned: readonly Tensor[];
  /** Of one name but different shapes, e.g. after the vocabulary grew. */
  readonly reshaped: readonly WeightPair[];
  /** Single experts of a base that keeps those of a layer in one tensor, where the other model keeps each by itself. */
  readonly expertsOfBase: ReadonlySet<Tensor>;
  /** How names of the tuned model were made to agree with those of the base. */
  readonly renames: readonly NameRename[];
}

/** The largest matrix that is held at once: as F32 a gigabyte. */
export const maxMatrixValues = 256 * 1024 * 1024;

/** Matrices that are looked up in and not multiplied with, and what maps back to the vocabulary. */
const notLinear =
  /(?:^|[._])(?:embed\w*|wte|wpe|tok_embeddings|word_embeddings|position_embeddings|lm_head|relative_attention_bias|(?:output|shared)\.weight$)/;

const floats: ReadonlySet<string> = new Set(["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"]);

/** Whether a weight is one of a linear layer, a convolution or experts, by its name and shape: packed or not. */
export function isLayerWeight({ name, shape, dtype }: Tensor): boolean {
  return !buffer.test(name) && !notLinear.test(name) && (shape.length > 1 || isPacked({ dtype }));
}

/** Whole numbers that stand for weights, or nothing that a difference could be taken of. */
export function isPacked({ dtype }: Pick<Tensor, "dtype">): boolean {
  return !floats.has(dtype);
}

/** What modules compute for themselves and save all the same. */
export const buffer =
  /(?:inv_freq|position_ids|masked_bias|num_batches_tracked|rotary_emb\.\w+|attn\.(?:bias|mask)|causal_mask)$/;

/**
 * Aligns two models by the names of their tensors, whatever wrappers, nesting or dialect they are in. A pair goes by
 * the name in the base, into which an adapter of it will be loaded.
 */
export function pairWeights(base: CheckpointSession, tuned: CheckpointSession): WeightPairs {
  const [known = [], tensors = []] = withExpertSlices([base.checkpoint.tensors, tuned.checkpoint.tensors]);
  const { matches, renames } = matchNames(tensors.map(namedShape), known.map(namedShape));
  const linear: WeightPair[] = [];
  const others: WeightPair[] = [];
  const onlyInTuned: Tensor[] = [];
  const reshaped: WeightPair[] = [];
  const found = new Set<Tensor>();
  for (const [at, tensor] of tensors.entries()) {
    const index = matches[at];
    const own = index === undefined ? undefined : known[index];
    if (own === undefined) {
      onlyInTuned.push(tensor);
      continue;
    }
    found.add(own);
    const path = modulePath(own.name);
    const pair = { module: path.replace(/\.weight$/, ""), base: own, tuned: tensor };
    if (own.shape.join() !== tensor.shape.join()) reshaped.push(pair);
    else (isLinear(path, tensor, own) ? linear : others).push(pair);
  }
  const onlyInBase = known.filter((tensor) => !found.has(tensor));
  const ofBase = new Set(base.checkpoint.tensors);
  const expertsOfBase = new Set(known.filter((tensor) => !ofBase.has(tensor)));
  return { linear, others, onlyInBase, onlyInTuned, reshaped, expertsOfBase, renames };
}

/** Wrappers' names are no part of a path in any file. */
function namedShape({ name, shape }: Tensor) {
  return { name: modulePath(name), shape: shape.join() };
}

function isLinear(path: string, { shape, dtype }: Tensor, base: Tensor): boolean {
  if (isPacked({ dtype }) || isPacked(base)) return false;
  if (shape.length !== 2 || !path.endsWith(".weight") || notLinear.test(path)) return false;
  return Math.min(...shape) > 1 && elementCount(shape) <= maxMatrixValues;
}
