import type { LoraModule } from "../adapter/loraModule";
import type { ReadTensor } from "./factors";
import { type ModuleMeasurement, measureModule } from "./measureModule";

/**
 * Measures modules of one adapter and tells of each in their order, as soon as it and those before it are measured.
 * Here one after the other; a host with threads measures many at once.
 */
export type MeasureModules = (
  modules: readonly LoraModule[],
  take: (measurement: ModuleMeasurement) => void,
) => Promise<void>;

export function measureOneByOne(readTensor: ReadTensor, signal?: AbortSignal): MeasureModules {
  return async (modules, take) => {
    for (const module of modules) {
      signal?.throwIfAborted();
      take((await measureModule(module, readTensor, signal)).measurement);
    }
  };
}
