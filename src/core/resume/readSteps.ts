import type { Files } from "../bytes/files";
import type { Checkpoint } from "../checkpoint/checkpoint";
import { readScalars } from "../checkpoint/readScalars";
import type { ProgressSummary } from "../checkpoint/summary";
import { TensorReader } from "../checkpoint/tensorReader";
import type { OptimizerState } from "../optimizer/optimizerState";
import type { Tensor } from "../tensors/tensor";
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

/** Each may be a read of its own; parameters are trained together, so that a sample tells. */
const maxLookedAt = 48;

const stepKey = "step";

/**
 * The steps that an optimizer's parameters count, from a sample spread over all of them.
 * @param readNumber the number in a tensor of one element; undefined where it cannot be read
 */
async function readSteps(
  { parameters }: OptimizerState,
  readNumber: (tensor: Tensor) => Promise<number | undefined>,
): Promise<StepRange | undefined> {
  const counting = parameters.filter(({ state }) => state.has(stepKey));
  const stride = Math.max(1, counting.length / maxLookedAt);
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  let looked = 0;
  for (let at = 0; at < counting.length; at += stride) {
    const parameter = counting[Math.floor(at)];
    const tensor = parameter?.tensors.get(stepKey);
    const given = parameter?.state.get(stepKey);
    const step =
      tensor !== undefined ? await readNumber(tensor) : typeof given === "number" ? given : undefined;
    if (step === undefined || !Number.isFinite(step)) continue;
    least = Math.min(least, step);
    most = Math.max(most, step);
    looked++;
  }
  return looked === 0 ? undefined : { least, most, looked, counting: counting.length };
}
