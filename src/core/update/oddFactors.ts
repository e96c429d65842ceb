import { type LoraModule, storedTensors } from "../adapter/loraModule";
import { placeOfModule } from "../adapter/moduleName";
import type { TensorStatistics } from "../analysis/statisticColumns";
import type { Problem } from "../problem/problem";
import { elementCount, type Tensor } from "../tensors/tensor";
import { formatNumber, plural } from "../text/quantities";

type StatisticsOf = (tensor: Tensor) => TensorStatistics | undefined;

/** The largest number of F16. Trained factors lie near or below 1. */
const largestOfHalf = 65_504;

/** A tensor that says less about itself may be as another one by chance. */
const fewestValues = 16;

/** What the values of factors say against them, where all of them were read: no trainer leaves such. */
export function oddFactors(modules: readonly LoraModule[], statisticsOf: StatisticsOf): readonly Problem[] {
  return [
    ...hugeFactors(modules, statisticsOf),
    ...repeatedFactors(modules, statisticsOf),
    ...zeroScales(modules, statisticsOf),
  ];
}

function hugeFactors(modules: readonly LoraModule[], statisticsOf: StatisticsOf): readonly Problem[] {
  const huge = modules.flatMap((module) =>
    storedTensors(module).flatMap((tensor) => {
      const { min = 0, max = 0 } = statisticsOf(tensor) ?? {};
      const most = Math.max(-min, max);
      return most > largestOfHalf ? [{ module, tensor, most }] : [];
    }),
  );
  const [first] = huge;
  if (first === undefined) return [];
  const count = new Set(huge.map(({ module }) => module)).size;
  const message = `${first.tensor.name} holds values of up to ${formatNumber(first.most)} (so it is in ${count} of ${plural(modules.length, "module")}), beyond what F16 can hold and far from what training leaves: it diverged, or the file is damaged.`;
  return [{ severity: "error", code: "FactorsHuge", message, tensor: first.tensor.name }];
}

/** Where alpha is a tensor of the file, the scale is known only now. */
function zeroScales(modules: readonly LoraModule[], statisticsOf: StatisticsOf): readonly Problem[] {
  const still = modules.filter(
    ({ alphaTensor }) => alphaTensor !== undefined && (statisticsOf(alphaTensor)?.zeros ?? 0) > 0,
  );
  const [first] = still;
  if (first?.alphaTensor === undefined) return [];
  const message = `The scale is 0 in ${still.length} of ${plural(modules.length, "module")} (alpha 0), first in ${first.module}: the update is multiplied by it, so that the adapter changes nothing there.`;
  return [{ severity: "warning", code: "LoraScaleZero", message, tensor: first.alphaTensor.name }];
}

/** Modules of one kind in different layers that hold the same values: a loop that saved one layer for another. */
function repeatedFactors(modules: readonly LoraModule[], statisticsOf: StatisticsOf): readonly Problem[] {
  const byValues = new Map<string, LoraModule>();
  const pairs: (readonly [LoraModule, LoraModule])[] = [];
  for (const module of modules) {
    const { kind, stack, indexes } = placeOfModule(module.module);
    // Parts of a fused layer share a factor.
    if (indexes.length === 0 || module.slice !== undefined) continue;
    const values = [module.a, module.b].map((tensor) => valuesOf(tensor, statisticsOf(tensor)));
    if (module.a === module.b || values.includes(undefined)) continue;
    const key = [stack, kind, ...values].join(" ");
    const before = byValues.get(key);
    if (before === undefined) byValues.set(key, module);
    else if (before.module !== module.module) pairs.push([before, module]);
  }
  const [first] = pairs;
  if (first === undefined) return [];
  const more = pairs.length === 1 ? "" : `, and so it is with ${plural(pairs.length - 1, "further module")}`;
  const message = `${first[1].module} has the very factors of ${first[0].module}${more}: was one layer saved in the place of another?`;
  return [{ severity: "warning", code: "RepeatedFactors", message, tensor: first[1].a.name }];
}

/** Undefined where the values are too few, or all the same, to tell a tensor by. */
function valuesOf(tensor: Tensor, statistics: TensorStatistics | undefined): string | undefined {
  if (statistics === undefined || elementCount(tensor.shape) < fewestValues) return undefined;
  const { min, max, mean, std, l2 } = statistics;
  if (!(min < max) || !Number.isFinite(l2)) return undefined;
  return [tensor.dtype, tensor.shape.join("×"), min, max, mean, std, l2].join(" ");
}
