import type { Problem } from "../problem/problem";
import { elementCount } from "../tensors/tensor";
import { formatCount, formatNumber, formatShare, plural } from "../text/quantities";
import type { ScannedTensor } from "./layerOutliers";

/** Weights of trained models stay far below; a value beyond is a training that went wrong, or nearly. */
const explodedFrom = 10_000;

/** The largest finite F16. */
const largestF16 = 65_504;

/** What is wrong, or looks wrong, about the values of a tensor. */
export function tensorFindings(tensor: ScannedTensor): Problem[] {
  const { name, shape, dtype, statistics } = tensor;
  const count = elementCount(shape);
  const findings: Problem[] = [];
  if (count === 0) return findings;
  if (statistics.nan + statistics.inf > 0) findings.push(notFinite(tensor, count));
  if (statistics.zeros === count && count > 1) findings.push(allZeros(tensor, count));
  if (isFloat(dtype) && statistics.absMax >= explodedFrom && count > 1 && !isLargeByNature.test(name)) {
    const overflow =
      dtype !== "F16" && statistics.absMax > largestF16
        ? " It does not fit into F16, where it is infinite."
        : "";
    findings.push({
      severity: "warning",
      code: "ExplodedValues",
      message: `The largest value is ${formatNumber(statistics.absMax)}; weights stay far below ${formatCount(explodedFrom)}.${overflow}`,
      tensor: name,
    });
  }
  return findings;
}

function notFinite({ name, statistics }: ScannedTensor, count: number): Problem {
  const { nan, inf } = statistics;
  const parts = [
    ...(nan > 0 ? [plural(nan, "NaN", "NaNs")] : []),
    ...(inf > 0 ? [plural(inf, "infinite value")] : []),
  ];
  const isMask = nan === 0 && maskName.test(name);
  return {
    severity: isMask ? "info" : "error",
    code: "NotFinite",
    message: isMask
      ? `${parts.join(" and ")} among ${formatCount(count)}, as masks have them.`
      : `${parts.join(" and ")} among ${formatCount(count)} values. Whatever is computed with it becomes NaN: go back to an earlier checkpoint.`,
    tensor: name,
  };
}

/** Biases, moments before the first step and the B of a new adapter are zero at first. */
function allZeros({ name, shape }: ScannedTensor, count: number): Problem {
  const isUsual = shape.length < 2 || /lora_(B|up)|exp_avg|momentum|\.state\./.test(name);
  return {
    severity: isUsual ? "info" : "warning",
    code: "AllZeros",
    message: isUsual
      ? `All ${formatCount(count)} values are zero, as they are before training.`
      : `All ${formatCount(count)} values are zero: what this weight is multiplied with is lost.`,
    tensor: name,
  };
}

/** Rows of nothing but zeros: outputs that are dead, or tokens that were never trained. */
export function deadRowsFinding(tensor: Pick<ScannedTensor, "name" | "shape">, deadRows: number): Problem {
  const rows = tensor.shape[0] ?? 0;
  // The row of the padding token is zero by design.
  const isPadding = deadRows === 1 && /embed|wte|token/.test(tensor.name);
  return {
    severity: isPadding ? "info" : "warning",
    code: "DeadRows",
    message: `${plural(deadRows, "row is", "rows are")} all zeros, of ${formatCount(rows)} (${formatShare(deadRows / rows)}).`,
    tensor: tensor.name,
  };
}

export function duplicateFinding(name: string, others: readonly string[]): Problem {
  const [first = ""] = others;
  const more = others.length > 1 ? ` and ${plural(others.length - 1, "other")}` : "";
  return {
    severity: "info",
    code: "DuplicateTensor",
    message: `The same bytes as ${JSON.stringify(first.slice(0, 200))}${more}: tied on purpose, copied, or never trained apart.`,
    tensor: name,
  };
}

const maskName = /mask|(^|\.)bias$/i;
const isLargeByNature = /running_(mean|var)|position|inv_freq|step|count|zero_point|scale/i;

function isFloat(dtype: string): boolean {
  return /^(BF|F)\d/.test(dtype);
}
