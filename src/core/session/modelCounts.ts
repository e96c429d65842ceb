import type { Checkpoint } from "../checkpoint/checkpoint";
import type { InsideFile } from "../checkpoint/inside/insideFile";
import { averagedTwins, mayBeAverage } from "../optimizer/averagedTwins";
import { SeenPlaces } from "../optimizer/tensorPlaces";
import { isJoined } from "../resume/joinedFolder";
import { isBuffer } from "../tensors/buffers";
import { elementCount } from "../tensors/tensor";

/** What torchtitan and others keep beside the model. */
const besideModel = /^(?:optim|(?:lr_)?scheduler|train_state|data_?loader|rng|random)/i;

const withoutModel: ReadonlySet<string> = new Set(["history", "data", "rng-state", "scheduler", "optimizer"]);

/**
 * The model's parameters that each tensor of a checkpoint stands for: packed weights unpacked, and nothing for what
 * lies beside the model: an optimizer's state, metrics, values of callbacks, random states. A tensor that is reached
 * by two ways counts once.
 * @param counts of each tensor, whatever it belongs to (`logicalParameters`); left as they are.
 */
export function modelCounts(
  checkpoint: Checkpoint,
  counts: Float64Array,
  inside: InsideFile | undefined,
): Float64Array {
  const { tensors, content } = checkpoint;
  if (inside?.kind !== undefined && withoutModel.has(inside.kind)) return new Float64Array(counts.length);
  if (content === undefined) return withoutAverage(tensors, counts);
  const { parameters } = content;
  if (parameters !== undefined)
    return counts.map((count, index) => {
      const tensor = tensors[index];
      return tensor !== undefined && parameters.has(tensor.name) && !isBuffer(tensor) ? count : 0;
    });
  // Of several processes the paths part a model into its modules: all is the model's but what trains it.
  if (isJoined(checkpoint)) {
    return counts.map((count, index) => (besideModel.test(tensors[index]?.name ?? "") ? 0 : count));
  }
  if (inside !== undefined && inside.models.length > 0) return ofModels(tensors, counts, inside);
  const ofOptimizers = new Set(
    (inside?.optimizers ?? []).flatMap(({ parameters }) =>
      parameters.flatMap(({ tensors: state }) => [...state.values()].map(({ name }) => name)),
    ),
  );
  if (inside?.kind === "training-checkpoint" && ofOptimizers.size > 0) return new Float64Array(counts.length);
  const seen = new SeenPlaces();
  return counts.map((count, index) => {
    const tensor = tensors[index];
    return tensor === undefined || ofOptimizers.has(tensor.name) || !seen.add(tensor) ? 0 : count;
  });
}

/** Of a plain list of tensors the moving average of the others counts no parameters. */
function withoutAverage(tensors: Checkpoint["tensors"], counts: Float64Array): Float64Array {
  // A million tensors need no list of their own.
  if (!tensors.some(({ name }) => mayBeAverage(name))) return counts;
  const found = averagedTwins(tensors.map((tensor, index) => ({ name: tensor.name, tensor, index })));
  if (found === undefined) return counts;
  const left = counts.slice();
  for (const { index } of found.average) left[index] = 0;
  return left;
}

/** One model is all of the file, and has each of its places once. */
function withoutBuffers(
  tensors: Checkpoint["tensors"],
  counts: Float64Array,
  { tensors: own }: InsideFile["models"][number],
): Float64Array {
  const buffers = new Set(own.flatMap(({ tensor, isBuffer }) => (isBuffer ? [tensor.name] : [])));
  if (buffers.size === 0) return counts;
  return counts.map((count, index) => (buffers.has(tensors[index]?.name ?? "") ? 0 : count));
}

/** Of the models that the file holds, without copies of them; a module saved as an object says what its buffers are. */
function ofModels(
  tensors: Checkpoint["tensors"],
  counts: Float64Array,
  { models, trained }: InsideFile,
): Float64Array {
  const own = models.filter(({ aside }) => aside === undefined);
  const [only] = models.length === 1 ? models : [];
  if (only !== undefined && trained.size === 0 && only.tensors.length === tensors.length)
    return withoutBuffers(tensors, counts, only);
  // An encoder and a decoder share their embedding.
  const seen = new SeenPlaces();
  const counted = new Map<string, number>();
  // Among them what only an optimizer says to be trained, such as the parameters of a loss.
  for (const tensor of trained) counted.set(tensor.name, seen.add(tensor) ? elementCount(tensor.shape) : 0);
  for (const model of own.length > 0 ? own : models) {
    for (const { tensor, isBuffer } of model.tensors) {
      if (trained.has(tensor)) continue;
      counted.set(tensor.name, !isBuffer && seen.add(tensor) ? Number.NaN : 0);
    }
  }
  return counts.map((count, index) => {
    const known = counted.get(tensors[index]?.name ?? "");
    if (known === undefined) return 0;
    return Number.isNaN(known) ? count : known;
  });
}
