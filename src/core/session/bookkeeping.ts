import type { Checkpoint } from "../checkpoint/checkpoint";
import type { InsideFile } from "../checkpoint/inside/insideFile";
import { elementCount, type Tensor } from "../tensors/tensor";

/**
 * Which tensors are single numbers that a training kept for itself, such as the best score so far: Lightning's
 * callbacks begin with infinity there, which is no fault of the model.
 */
export function bookkeepingOf(session: {
  readonly checkpoint: Checkpoint;
  readonly inside: InsideFile | undefined;
}): (tensor: Tensor) => boolean {
  const { checkpoint, inside } = session;
  const { content } = checkpoint;
  if (content === undefined || inside?.kind !== "training-checkpoint") return () => false;
  const ofModels = new Set(inside.models.flatMap(({ tensors }) => tensors.map(({ tensor }) => tensor.name)));
  // Without a model it is not told which numbers are its parameters: of callbacks none is.
  const mayBe = (name: string) => (ofModels.size > 0 ? !ofModels.has(name) : name.startsWith("callbacks."));
  return ({ name, shape }) => elementCount(shape) <= 1 && mayBe(name);
}
