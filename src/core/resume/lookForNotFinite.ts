import type { Files } from "../bytes/files";
import type { Checkpoint } from "../checkpoint/checkpoint";
import { TensorReader } from "../checkpoint/tensorReader";
import type { OptimizerState } from "../optimizer/optimizerState";
import { isReadingError } from "../problem/problem";
import { elementCount, type Tensor } from "../tensors/tensor";
import { floatingOf, lookAtValues, notFiniteIn } from "../values/lookAtValues";
import { momentFaults, type ValueFaults } from "./doubts/momentFaults";

/**
 * Whether a look at some of the values finds that the training diverged: then everything may be here and whole, and
 * nothing can go on from it. That nothing is found tells nothing of values that were not read.
 * @param states whose moments are among the tensors, which may be numbers and no moments all the same
 * @returns sentences; none where nothing is found, or the file is broken in a way that is told already.
 */
export async function lookForNotFinite(
  files: Files,
  checkpoint: Checkpoint,
  tensors: readonly Tensor[],
  states: readonly OptimizerState[],
  signal?: AbortSignal,
): Promise<ValueFaults> {
  if (checkpoint.problems.some(isReadingError)) return {};
  const reader = new TensorReader(files, checkpoint);
  try {
    const seen = await lookAtValues(
      floatingOf(tensors),
      (...start) => reader.readStart(...start),
      [],
      signal,
    );
    const fault = notFiniteIn(seen)?.message;
    return fault === undefined ? momentFaults(seen, states) : { fault };
  } catch {
    signal?.throwIfAborted();
    // What cannot be read is told by who reads it for its own sake.
    return {};
  } finally {
    await reader.close();
  }
}

/** What optimizers keep of each parameter, without the numbers that they count. */
export function momentTensors(states: readonly OptimizerState[]): readonly Tensor[] {
  const kept = states.flatMap(({ parameters }) => parameters.flatMap(({ tensors }) => [...tensors.values()]));
  return kept.filter(({ shape }) => elementCount(shape) > 1);
}
