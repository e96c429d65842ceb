import type { OptimizerState } from "../optimizer/optimizerState";
import type { Tensor } from "../tensors/tensor";
import type { StepRange } from "./resumeInputs";

/** Each may be a read of its own; parameters are trained together, so that a sample tells. */
const maxLookedAt = 48;

const stepKey = "step";

/**
 * The steps that an optimizer's parameters count, from a sample spread over all of them.
 * @param readNumber the number in a tensor of one element; undefined where it cannot be read
 */
export async function readSteps(
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
