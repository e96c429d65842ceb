import { formatNumber } from "../text/quantities";
import type { TensorStatistics } from "./statisticColumns";

export interface ScannedTensor {
  readonly row: number;
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly statistics: TensorStatistics;
}

/** A tensor whose numbers are unlike those of the same tensor of other layers. */
export interface LayerOutlier {
  readonly row: number;
  readonly metric: "std" | "absMax";
  /** Robust z: distance from the median in units of 1.4826 × MAD, of logarithms. */
  readonly z: number;
  readonly reason: string;
}

/** With fewer layers there is no telling what is usual. */
const fewestLayers = 6;
const smallestZ = 5;
/** Layers that are all nearly alike have a tiny spread, in which a difference of a percent would stand out. */
const smallestSpread = 0.05;
/** What stands out by less is how trained models are. */
const smallestRatio = 1.5;
/** 1.4826 × MAD is the standard deviation of what is normally distributed. */
const madToStd = 1.4826;

/**
 * Outliers among tensors that have the same name but for the numbers in it, and the same shape. Scales differ by
 * factors, so logarithms are compared; a median and a MAD, since an outlier would widen what it is measured by.
 */
export function layerOutliers(tensors: readonly ScannedTensor[]): LayerOutlier[] {
  const groups = new Map<string, ScannedTensor[]>();
  for (const tensor of tensors) {
    const key = `${tensor.name.replaceAll(/\d+/g, "*")}|${tensor.shape.join(",")}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [tensor]);
    else group.push(tensor);
  }
  const outliers: LayerOutlier[] = [];
  for (const group of groups.values()) {
    if (group.length < fewestLayers) continue;
    const found = (["std", "absMax"] as const).flatMap((metric) => outliersOf(group, metric));
    // One mark a tensor, for what stands out the most.
    const worst = new Map<number, LayerOutlier>();
    for (const outlier of found) {
      const known = worst.get(outlier.row);
      if (known === undefined || Math.abs(outlier.z) > Math.abs(known.z)) worst.set(outlier.row, outlier);
    }
    outliers.push(...worst.values());
  }
  return outliers.sort((a, b) => Math.abs(b.z) - Math.abs(a.z));
}

function outliersOf(group: readonly ScannedTensor[], metric: "std" | "absMax"): LayerOutlier[] {
  const scales = group.map(({ statistics }) => Math.log(statistics[metric]));
  const known = scales.filter(Number.isFinite);
  if (known.length < fewestLayers) return [];
  const middle = median(known);
  const spread = Math.max(smallestSpread, madToStd * median(known.map((scale) => Math.abs(scale - middle))));
  return group.flatMap(({ row, statistics }, at) => {
    const scale = scales[at] as number;
    const z = (scale - middle) / spread;
    if (!Number.isFinite(scale) || Math.abs(z) < smallestZ) return [];
    if (Math.abs(scale - middle) < Math.log(smallestRatio)) return [];
    const than = `${formatNumber(Math.exp(middle), 3)}, the median of ${known.length} tensors of this name`;
    const reason = `${metric} ${formatNumber(statistics[metric], 3)} against ${than}: robust z ${formatNumber(z, 3)}`;
    return [{ row, metric, z, reason }];
  });
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
