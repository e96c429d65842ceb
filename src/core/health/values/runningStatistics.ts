import type { TensorStatistics } from "../../analysis/statisticColumns";
import type { Problem } from "../../problem/problem";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { formatNumber, plural } from "../../text/quantities";
import { quote } from "../../text/quote";

/** As torch and TensorFlow call the variance that a batch norm has seen. */
const variance = /(?:^|[./])(?:running_var|moving_variance)$/;

/** Variances of batch norms that no data has: with negative ones the model gives NaN in evaluation, and only there. */
export function runningStatistics(
  tensors: readonly Tensor[],
  statisticsOf: (tensor: Tensor) => TensorStatistics | undefined,
): readonly Problem[] {
  const seen = tensors.flatMap((tensor) => {
    const stats = variance.test(tensor.name) ? statisticsOf(tensor) : undefined;
    return stats === undefined ? [] : [{ tensor, stats }];
  });
  const negative = seen.filter(({ stats }) => stats.min < 0);
  const zero = seen.filter(
    ({ tensor, stats }) => stats.zeros === elementCount(tensor.shape) && stats.zeros > 1,
  );
  return [
    ...told(negative, "error", "NegativeVariance", (least) => {
      return `has values down to ${formatNumber(least)}, and is a variance: its root is taken in evaluation, which makes NaN of all that follows. The file is damaged, or other values lie in it.`;
    }),
    ...told(zero, "info", "ZeroVariance", () => {
      return "holds nothing but zeros: in evaluation what comes in is divided by the root of epsilon alone. No data came through that layer in training, or the statistics were lost.";
    }),
  ];
}

function told(
  found: readonly { readonly tensor: Tensor; readonly stats: TensorStatistics }[],
  severity: Problem["severity"],
  code: string,
  why: (least: number) => string,
): readonly Problem[] {
  const [first] = found;
  if (first === undefined) return [];
  const more = found.length === 1 ? "" : ` So it is with ${plural(found.length - 1, "further layer")}.`;
  const message = `${quote(first.tensor.name)} ${why(first.stats.min)}${more}`;
  return [{ severity, code, message, tensor: first.tensor.name }];
}
