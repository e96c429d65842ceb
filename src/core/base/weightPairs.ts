import { modulePath } from "../adapter/loraKey";
import type { CheckpointSession } from "../session/checkpointSession";
import { elementCount, type Tensor } from "../tensors/tensor";

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
  /** Everything else of one shape in both: embeddings, norms, biases, convolutions. */
  readonly others: readonly WeightPair[];
  readonly onlyInBase: readonly string[];
  readonly onlyInTuned: readonly string[];
  /** Of one name but different shapes, e.g. after the vocabulary grew. */
  readonly reshaped: readonly string[];
}

/** The largest matrix that is held at once: as F32 a gigabyte. */
export const maxMatrixValues = 256 * 1024 * 1024;

/** Matrices that are looked up in and not multiplied with, and what maps back to the vocabulary. */
const notLinear =
  /(?:^|[._])(?:embed\w*|wte|wpe|tok_embeddings|word_embeddings|position_embeddings|lm_head|output\.weight$)/;

const floats: ReadonlySet<string> = new Set(["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"]);

/** Aligns two models by the paths of their tensors, without the prefixes that wrappers put in front. */
export function pairWeights(base: CheckpointSession, tuned: CheckpointSession): WeightPairs {
  const byName = new Map(base.checkpoint.tensors.map((tensor) => [modulePath(tensor.name), tensor]));
  const linear: WeightPair[] = [];
  const others: WeightPair[] = [];
  const onlyInTuned: string[] = [];
  const reshaped: string[] = [];
  const found = new Set<string>();
  for (const tensor of tuned.checkpoint.tensors) {
    const path = modulePath(tensor.name);
    const own = byName.get(path);
    if (own === undefined) {
      onlyInTuned.push(tensor.name);
      continue;
    }
    found.add(path);
    if (own.shape.join() !== tensor.shape.join()) {
      reshaped.push(tensor.name);
      continue;
    }
    if (!floats.has(tensor.dtype) || !floats.has(own.dtype)) continue;
    const pair = { module: path.replace(/\.weight$/, ""), base: own, tuned: tensor };
    (isLinear(path, tensor) ? linear : others).push(pair);
  }
  const onlyInBase = [...byName].filter(([path]) => !found.has(path)).map(([, { name }]) => name);
  return { linear, others, onlyInBase, onlyInTuned, reshaped };
}

function isLinear(path: string, { shape }: Tensor): boolean {
  if (shape.length !== 2 || !path.endsWith(".weight") || notLinear.test(path)) return false;
  return Math.min(...shape) > 1 && elementCount(shape) <= maxMatrixValues;
}
