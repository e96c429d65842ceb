import type { ScanTable } from "../../../src/core/analysis/scanTable";
import {
  type CountedStatistics,
  joinStatistics,
  type TensorStatistics,
} from "../../../src/core/analysis/statisticColumns";
import { elementCount } from "../../../src/core/tensors/tensor";
import type { LoadedTensors } from "../tensors/tensorDirectory";

/**
 * What a scan measured over all tensors of a module, each module once. Undefined where one of them was not looked at
 * yet: a maximum over some would be no maximum of the module.
 */
export function moduleNumbers(
  { table, packed }: LoadedTensors,
  scanned: ScanTable | undefined,
  rowsOf: (index: number) => Uint32Array,
): (index: number) => TensorStatistics | undefined {
  const known = new Map<number, TensorStatistics | undefined>();
  const measure = (index: number) => {
    const parts: CountedStatistics[] = [];
    for (const row of rowsOf(index)) {
      if (scanned?.knows(row) !== true) return undefined;
      const statistics = scanned.statistics(row);
      if (statistics === undefined) continue;
      parts.push({ statistics, count: elementCount(packed.get(row)?.shape ?? table.shape(row)) });
    }
    return parts.length === 0 ? undefined : joinStatistics(parts);
  };
  return (index) => {
    if (!known.has(index)) known.set(index, measure(index));
    return known.get(index);
  };
}
