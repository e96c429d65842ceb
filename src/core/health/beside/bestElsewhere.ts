import { baseName } from "../../bytes/paths";
import type { Problem } from "../../problem/problem";
import { printable } from "../../text/printable";
import { formatNumber } from "../../text/quantities";
import type { HealthSubject } from "../healthSubject";

/** Lightning names the best checkpoint of a training in each of its files: that one may be gone, or left elsewhere. */
export function bestElsewhere({ checkpoint, folder, inside }: HealthSubject): readonly Problem[] {
  const { bestCheckpoint, bestMetric, bestMetricName = "metric" } = inside?.progress ?? {};
  if (bestCheckpoint === undefined || folder.files.length === 0) return [];
  const best = baseName(bestCheckpoint);
  if (best === checkpoint.name || folder.files.some(({ name }) => name === best)) return [];
  const score = bestMetric === undefined ? "" : ` (${bestMetricName} ${formatNumber(bestMetric)})`;
  const message = printable(
    `The best checkpoint of its training was ${best}${score}, and no file of that name lies beside this one.`,
  );
  return [{ severity: "info", code: "BestElsewhere", message, file: checkpoint.path }];
}
