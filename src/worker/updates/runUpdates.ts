import type { LoraModule } from "../../core/adapter/loraModule";
import { compareModule } from "../../core/compare/comparison";
import { followModule, inStepOrder } from "../../core/compare/computeTimeline";
import { alignModules } from "../../core/compare/modules/alignModules";
import { openSnapshots } from "../../core/compare/openSnapshots";
import { CheckpointSession } from "../../core/session/checkpointSession";
import { type ModuleMeasurement, type ModuleReader, measureModule } from "../../core/update/measureModule";
import { nodeFiles } from "../nodeFiles";
import type { JobControl } from "../numbers/numbersJob";
import { RowBuffers } from "./rowBuffers";
import type { SentMeasurement, UpdateResult, UpdatesJob, UpdatesTask } from "./updatesJob";

/** How long what was opened is kept after a job, for the next of the same pass. */
const keptMs = 2000;

let opened: { readonly pass: number; readonly task: Promise<OpenTask> } | undefined;
let closing: NodeJS.Timeout | undefined;
/** Of jobs before; those that run at once have their own. */
let kept: RowBuffers[] = [];

/** Does a job module by module; fewer results than rows where it was cancelled. */
export async function runUpdates(
  { pass, task, rows }: UpdatesJob,
  control: JobControl,
): Promise<readonly UpdateResult[]> {
  clearTimeout(closing);
  if (opened?.pass !== pass) {
    opened = { pass, task: openTask(task) };
  }
  const { sessions, resultOf } = await opened.task;
  const readers = sessions.map((session) => session?.tensorReader());
  const buffers = kept.pop() ?? new RowBuffers();
  const ofRows = readers.map((reader) => reader && buffers.over(reader));
  const results: UpdateResult[] = [];
  try {
    for (const row of rows) {
      if (control.isCancelled) break;
      results.push(await resultOf(row, ofRows));
      buffers.endRow();
    }
  } finally {
    await Promise.all(readers.map((reader) => reader?.close()));
  }
  kept.push(buffers);
  closing = setTimeout(forget, keptMs).unref();
  return results;
}

type Readers = readonly (ModuleReader | undefined)[];

/** What is open for one pass. Its files are not: each job opens them. */
interface OpenTask {
  readonly sessions: readonly (CheckpointSession | undefined)[];
  /** @param readers one for each of the sessions. */
  readonly resultOf: (row: number, readers: Readers) => Promise<UpdateResult>;
}

function forget(): void {
  opened = undefined;
  kept = [];
}

async function openTask(task: UpdatesTask): Promise<OpenTask> {
  if (task.kind === "measure") return openAdapter(task.path);
  const given = await openSnapshots(nodeFiles, task.paths, () => undefined);
  const snapshots = task.kind === "follow" ? inStepOrder(given) : given;
  const { rows } = alignModules(snapshots);
  const sessions = snapshots.map(({ session }) => session);
  const rowAt = (row: number) => rows[row] ?? missing(row);
  if (task.kind === "follow") {
    const { metrics } = task;
    const resultOf = async (row: number, readers: Readers): Promise<UpdateResult> => ({
      module: rowAt(row).name,
      values: await followModule(rowAt(row), readers, metrics),
    });
    return { sessions, resultOf };
  }
  const resultOf = async (row: number, readers: Readers): Promise<UpdateResult> => {
    const { measurements, ...compared } = await compareModule(rowAt(row), readers, task.options);
    const sent = measurements.map((measurement) => measurement && sentMeasurement(measurement));
    return { module: rowAt(row).name, comparison: { ...compared, measurements: sent } };
  };
  return { sessions, resultOf };
}

async function openAdapter(path: string): Promise<OpenTask> {
  const session = await CheckpointSession.open(nodeFiles, path, () => undefined);
  const modules: readonly LoraModule[] = session.adapter?.modules ?? [];
  const resultOf = async (row: number, [reader]: Readers): Promise<UpdateResult> => {
    const module = modules[row] ?? missing(row);
    const { measurement } = await measureModule(module, (reader as ModuleReader).read);
    return { module: module.module, measurement: sentMeasurement(measurement) };
  };
  return { sessions: [session], resultOf };
}

function missing(row: number): never {
  throw new RangeError(`The file has changed: it has no module ${row} by now.`);
}

function sentMeasurement({ module: _, fingerprint, ...numbers }: ModuleMeasurement): SentMeasurement {
  return {
    ...numbers,
    fingerprint: fingerprint && { ...fingerprint, evidence: fingerprint.evidence() },
  };
}
