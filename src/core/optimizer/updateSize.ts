import type { TensorStatistics } from "../analysis/statisticColumns";
import { StreamingStatistics } from "../analysis/tensorStatistics";
import { dtypeBits } from "../tensors/dtype";
import type { ReadTensorRange } from "../tensors/readTensorRange";
import { readAllValues, readValues } from "../tensors/readValues";
import { elementCount, type Tensor } from "../tensors/tensor";
import type { OptimizerState } from "./optimizerState";

/** What Adam multiplies and divides by. */
export interface AdamSettings {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Steps that were made, which the bias correction depends on. */
  readonly step: number;
}

/** What the moments of one parameter are like, and how far its last step went. Plain data. */
export interface MomentNumbers {
  readonly first: TensorStatistics;
  readonly second: TensorStatistics;
  /** Of |m̂| / (√v̂ + ε) · lr: the size of the last step, without weight decay. */
  readonly update?: TensorStatistics;
  readonly settings?: AdamSettings;
  /** Why there is no `update`. */
  readonly missing?: string;
}

/** |m̂| / (√v̂ + ε) · lr, where m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ), as torch.optim.Adam computes it. */
export function updateSizes(first: Float64Array, second: Float64Array, settings: AdamSettings): Float64Array {
  const { learningRate, beta1, beta2, epsilon, step } = settings;
  const firstCorrection = 1 - beta1 ** step;
  const secondCorrection = 1 - beta2 ** step;
  return Float64Array.from(first, (moment, at) => {
    const spread = Math.sqrt((second[at] as number) / secondCorrection) + epsilon;
    return (learningRate * Math.abs(moment / firstCorrection)) / spread;
  });
}

/** A multiple of 8. */
const chunkValues = 256 * 1024;

/**
 * Statistics of the moments of one parameter in a pass over both.
 * @returns undefined where the optimizer keeps no two moments of it as plain floats.
 */
export async function momentNumbers(
  optimizer: OptimizerState,
  index: number,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<MomentNumbers | undefined> {
  const parameter = optimizer.parameters[index];
  const first = parameter?.tensors.get("exp_avg");
  const second = parameter?.tensors.get("max_exp_avg_sq") ?? parameter?.tensors.get("exp_avg_sq");
  if (parameter === undefined || first === undefined || second === undefined) return undefined;
  const count = elementCount(first.shape);
  if (!isFloat(first) || !isFloat(second) || elementCount(second.shape) !== count) return undefined;
  const step = await stepOf(parameter.state.get("step"), parameter.tensors.get("step"), read, signal);
  const settings = adamSettings(optimizer, parameter.group, step);
  const of = {
    first: new StreamingStatistics(),
    second: new StreamingStatistics(),
    update: new StreamingStatistics(),
  };
  for (let from = 0; from < count; from += chunkValues) {
    signal?.throwIfAborted();
    const values = Math.min(chunkValues, count - from);
    const [m, v] = await Promise.all(
      [first, second].map((tensor) => readValues(tensor, from, values, read, signal)),
    );
    if (m === undefined || v === undefined) break;
    of.first.add(m);
    of.second.add(v);
    if (typeof settings !== "string") of.update.add(updateSizes(m, v, settings));
  }
  const moments = { first: of.first.finish(), second: of.second.finish() };
  return typeof settings === "string"
    ? { ...moments, missing: settings }
    : { ...moments, settings, update: of.update.finish() };
}

/** What Adam's group says, or a sentence that says what it lacks. */
function adamSettings(
  { groups }: OptimizerState,
  group: number | undefined,
  step: number | undefined,
): AdamSettings | string {
  const found = group === undefined ? undefined : groups[group];
  if (found === undefined) return "The parameter is in no group, so its learning rate is not known.";
  const betas = found.settings.get("betas");
  const epsilon = found.settings.get("eps");
  const [beta1, beta2] = Array.isArray(betas) ? (betas as readonly unknown[]) : [];
  if (typeof beta1 !== "number" || typeof beta2 !== "number" || typeof epsilon !== "number")
    return "The group has no betas and eps, as Adam's has.";
  if (found.learningRate === undefined) return "The learning rate is not a plain number.";
  if (step === undefined || !(step >= 1)) return "No step was made yet.";
  return { learningRate: found.learningRate, beta1, beta2, epsilon, step };
}

async function stepOf(
  value: string | number | undefined,
  tensor: Tensor | undefined,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<number | undefined> {
  if (typeof value === "number") return value;
  if (tensor === undefined || elementCount(tensor.shape) !== 1 || !dtypeBits.has(tensor.dtype))
    return undefined;
  return (await readAllValues(tensor, read, signal))[0];
}

function isFloat({ dtype }: Tensor): boolean {
  return dtype === "F32" || dtype === "BF16" || dtype === "F16" || dtype === "F64";
}
