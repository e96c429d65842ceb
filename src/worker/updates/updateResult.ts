import { compareModule } from "../../core/compare/comparison";
import { followModule } from "../../core/compare/computeTimeline";
import { type ModuleMeasurement, type ModuleReader, measureModule } from "../../core/update/measureModule";
import type { SentMeasurement, UpdateResult, UpdatesRow, UpdatesTask } from "./updatesJob";

/** @param readers one for each module of the row, undefined where there is none. */
export async function updateResult(
  task: UpdatesTask,
  { modules }: UpdatesRow,
  readers: readonly (ModuleReader | undefined)[],
): Promise<UpdateResult> {
  const row = { name: "", modules };
  if (task.kind === "follow") return { values: await followModule(row, readers, task.metrics) };
  if (task.kind === "compare") {
    const { module: _, measurements, ...compared } = await compareModule(row, readers, task.options);
    const sent = measurements.map((measurement) => measurement && sentMeasurement(measurement));
    return { comparison: { ...compared, measurements: sent } };
  }
  const [[module], [reader]] = [modules, readers];
  if (module === undefined || reader === undefined) throw new RangeError("There is no module to measure.");
  const { measurement } = await measureModule(module, (tensor) => reader.read(tensor));
  return { measurement: sentMeasurement(measurement) };
}

function sentMeasurement({ module: _, fingerprint, ...numbers }: ModuleMeasurement): SentMeasurement {
  return {
    ...numbers,
    fingerprint: fingerprint && { ...fingerprint, evidence: fingerprint.evidence() },
  };
}
