import type { Files } from "../bytes/files";
import type { Checkpoint } from "../checkpoint/checkpoint";
import { readScalars } from "../checkpoint/readScalars";
import type { ProgressSummary } from "../checkpoint/summary";
import { TensorReader } from "../checkpoint/tensorReader";
import { readSteps } from "./readSteps";
import type { OptimizerInputs, StepRange } from "./resumeInputs";

/**
 * The steps that each optimizer of an open checkpoint counts.
 * @param progress what the checkpoint tells itself, with the count that an optimizer keeps once for all parameters
 */
export async function readAllSteps(
  files: Files,
  checkpoint: Checkpoint,
  states: OptimizerInputs["states"],
  progress: ProgressSummary | undefined,
  signal?: AbortSignal,
): Promise<OptimizerInputs["steps"]> {
  const reader = new TensorReader(files, checkpoint);
  try {
    const steps = [];
    for (const state of states) {
      const own = await readSteps(state, async (tensor) =>
        (await readScalars(reader, [tensor], signal)).get(tensor),
      );
      steps.push(own ?? countedOnce(progress));
    }
    return steps;
  } finally {
    await reader.close();
  }
}

/** Keras and optax count the steps once, and not for each parameter. */
function countedOnce(progress: ProgressSummary | undefined): StepRange | undefined {
  const { step, stepIsOptimizers } = progress ?? {};
  if (stepIsOptimizers !== true || step === undefined) return undefined;
  return { least: step, most: step, looked: 1, counting: 1, once: true };
}
