import { modulePath } from "../adapter/loraKey";
import { matchNames, type NameRename } from "../names/matchNames";
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
  /** How names of the tuned model were made to agree with those of the base. */
  readonly renames: readonly NameRename[];
}

/** The largest matrix that is held at once: as F32 a gigabyte. */
export const maxMatrixValues = 256 * 1024 * 1024;

/** Matrices that are looked up in and not multiplied with, and what maps back to the vocabulary. */
const notLinear =
  /(?:^|[._])(?:embed\w*|wte|wpe|tok_embeddings|word_embeddings|position_embeddings|lm_head|output\.weight$)/;

const floats: ReadonlySet<string> = new Set(["F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"]);

/**
 * Aligns two models by the names of their tensors, whatever wrappers, nesting or dialect they are in. A pair goes by
 * the name in the base, into which an adapter of it will be loaded.
 */
export function pairWeights(base: CheckpointSession, tuned: CheckpointSession): WeightPairs {
  const [known, tensors] = [base.checkpoint.tensors, tuned.checkpoint.tensors];
  const { matches, renames } = matchNames(tensors.map(namedShape), known.map(namedShape));
  const linear: WeightPair[] = [];
  const others: WeightPair[] = [];
  const onlyInTuned: string[] = [];
  const reshaped: string[] = [];
  const found = new Set<Tensor>();
  for (const [at, tensor] of tensors.entries()) {
    const index = matches[at];
    const own = index === undefined ? undefined : known[index];
    if (own === undefined) {
      onlyInTuned.push(tensor.name);
      continue;
    }
    found.add(own);
    if (own.shape.join() !== tensor.shape.join()) {
      reshaped.push(tensor.name);
      continue;
    }
    if (!floats.has(tensor.dtype) || !floats.has(own.dtype)) continue;
    const path = modulePath(own.name);
    const pair = { module: path.replace(/\.weight$/, ""), base: own, tuned: tensor };
    (isLinear(path, tensor) ? linear : others).push(pair);
  }
  const onlyInBase = known.filter((tensor) => !found.has(tensor)).map(({ name }) => name);
  return { linear, others, onlyInBase, onlyInTuned, reshaped, renames };
}

/** Wrappers' names are no part of a path in any file. */
function namedShape({ name, shape }: Tensor) {
  return { name: modulePath(name), shape: shape.join() };
}

function isLinear(path: string, { shape }: Tensor): boolean {
  if (shape.length !== 2 || !path.endsWith(".weight") || notLinear.test(path)) return false;
  return Math.min(...shape) > 1 && elementCount(shape) <= maxMatrixValues;
}
