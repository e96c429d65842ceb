import type { OptimizerState } from "../../optimizer/optimizerState";
import type { Tensor } from "../../tensors/tensor";
import { formatCount, plural } from "../../text/quantities";
import { quote } from "../../text/quote";

/** Averages of squares, by the keys of torch's optimizers and of optax: no step makes one negative. */
const squares = /^(?:max_)?exp_avg_sq(?:_row|_col)?$|^square_avg$|^nu$/;

/** What values of moments tell that were looked at, though all of them are numbers. */
export interface ValueFaults {
  /** A sentence: some are NaN or infinite. */
  readonly fault?: string;
  /** The rest of a sentence: training does not go on as if it had not stopped. */
  readonly doubt?: string;
}

/** @param seen the first values of some tensors */
export function momentFaults(
  seen: ReadonlyMap<Tensor, Float64Array>,
  states: readonly OptimizerState[],
): ValueFaults {
  const negative: string[] = [];
  const vanished: string[] = [];
  let looked = 0;
  let zero = 0;
  for (const { tensors } of states.flatMap(({ parameters }) => parameters))
    for (const [key, tensor] of tensors) {
      const values = seen.get(tensor);
      if (values === undefined || values.length < 2) continue;
      looked++;
      const isZero = values.every((value) => value === 0);
      if (isZero) zero++;
      if (!squares.test(key)) continue;
      if (values.some((value) => value < 0)) negative.push(tensor.name);
      const first = isZero && key === "exp_avg_sq" ? seen.get(tensors.get("exp_avg") ?? tensor) : undefined;
      if (first?.some((value) => value !== 0) === true) vanished.push(tensor.name);
    }
  const [one] = negative;
  if (one !== undefined) {
    const others = negative.length - 1;
    const more = others === 0 ? "" : `, and so ${others === 1 ? "is" : "are"} ${formatCount(others)} more`;
    const doubt = `${quote(one)} has negative values${more}: it is an average of squares, whose root the next step takes, which makes NaN of the weights; the file is damaged, or other values lie in it`;
    return { doubt };
  }
  if (looked > 1 && zero === looked) {
    const doubt = `all ${plural(looked, "moment")} that were looked at hold nothing but zeros: they start cold, as in an optimizer that was made anew and saved before it stepped`;
    return { doubt };
  }
  const [lost] = vanished;
  if (lost === undefined) return {};
  const doubt = `the second moments of ${plural(vanished.length, "parameter")} that were looked at are zero where the first are not (${quote(lost)}): the squares were too small for their dtype, or are lost, and the next steps are as large as epsilon lets them be`;
  return { doubt };
}
