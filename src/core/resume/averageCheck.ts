import { formatShape, type Tensor } from "../tensors/tensor";
import { formatCount, plural } from "../text/quantities";
import type { ResumeInputs } from "./resumeInputs";
import type { ResumeCheck } from "./resumeReport";
import { brokenCheck } from "./stateChecks";

/**
 * Whether a moving average that lies in a folder beside the model is one of its parameters. Loaders compare number
 * and shapes ("mismatch in number of shadow parameters"), since some averages are kept without names.
 */
export function checkAverage({ average, broken }: ResumeInputs): ResumeCheck | undefined {
  const what = "Moving average";
  const failed = brokenCheck(what, broken, "average");
  if (failed !== undefined || average === undefined) return failed;
  const { place, tensors, of: model } = average;
  const left = countShapes(model.tensors);
  const strange: Tensor[] = [];
  for (const tensor of tensors) {
    const key = formatShape(tensor.shape);
    const count = left.get(key) ?? 0;
    if (count === 0) strange.push(tensor);
    else left.set(key, count - 1);
  }
  const [first] = strange;
  if (first !== undefined) {
    const reason = `${place} holds ${plural(strange.length, "tensor")} of shapes that ${model.place} has not, such as ${first.name} (${formatShape(first.shape)}): it is the average of another model, and loading it fails.`;
    return { what, verdict: "error", reason };
  }
  const all = model.tensors.length;
  if (tensors.length < all) {
    const reason = `${place} holds averages of ${formatCount(tensors.length)} of the ${plural(all, "tensor")} of ${model.place}: a loader that wants all of them fails, unless the others are frozen or buffers.`;
    return { what, verdict: "warning", reason };
  }
  return {
    what,
    verdict: "ok",
    reason: `${place}: all ${plural(all, "tensor")} in the shapes of ${model.place}.`,
  };
}

function countShapes(tensors: readonly Tensor[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { shape } of tensors) {
    const key = formatShape(shape);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
