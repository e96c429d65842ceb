import { openCheckpoint } from "../../src/core/checkpoint/openCheckpoint";
import { TensorReader, UnreadableTensorError } from "../../src/core/checkpoint/tensorReader";
import { withValues } from "../../src/core/checkpoint/withValues";
import { contentPage, rootNode } from "../../src/core/content/contentTree";
import { settingsTable } from "../../src/core/content/settingsTable";
import { nameParameters } from "../../src/core/optimizer/nameParameters";
import { optimizerStates } from "../../src/core/optimizer/optimizerState";
import { CheckpointError } from "../../src/core/problem/checkpointError";
import { inspectReport } from "../../src/core/report/inspectReport";
import { toJsonText } from "../../src/core/report/reportJson";
import { discoverRuns } from "../../src/core/runs/discover/discover";
import { LogStore } from "../../src/core/runs/merge/logStore";
import { RunLogFollower } from "../../src/core/runs/merge/runLogFollower";
import { trainingViewOf } from "../../src/core/runs/merge/trainingViewOf";
import { CheckpointSession } from "../../src/core/session/checkpointSession";
import { MemoryFiles } from "../support/memoryFiles";
import { mutate, Random } from "./mutate";
import { packedLie, readWeights } from "./packedLies";
import type { Sample } from "./samples";
import { type Made, structured } from "./structured";

const slowMs = 2000;
const maxHeapBytes = 1_500_000_000;
/** Tensors read of each file, and how long one may claim to be. */
const tensorsRead = 4;
const longestRead = 4_000_000;
const mostFailures = 20;

export interface FuzzFailure {
  /** With the seed that makes the same input again. */
  readonly what: string;
  readonly files: Made["files"];
}

/** What came of many inputs. */
export interface FuzzResult {
  readonly classes: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly failures: readonly FuzzFailure[];
  readonly slowest: { readonly ms: number; readonly what: string };
  /** Bytes, looked at every few hundred inputs. */
  readonly mostHeap: number;
}

/** Makes inputs of every class in turn and opens each. Each has a seed of its own: `seed * 2^20 + run`. */
export async function fuzz(
  count: number,
  seed: number,
  samples: Readonly<Record<string, readonly Sample[]>>,
  { only = "", isTimed = true }: { readonly only?: string; readonly isTimed?: boolean } = {},
): Promise<FuzzResult> {
  const makers = Object.entries({
    ...Object.fromEntries(
      Object.entries(samples).map(([name, some]) => [name, (random: Random) => damageOf(some, random)]),
    ),
    "packed weights": packedLie,
    ...structured,
  });
  const wanted = makers.filter(([name]) => name.includes(only));
  const classes = new Map<string, Map<string, number>>();
  const failures: FuzzFailure[] = [];
  let slowest = { ms: 0, what: "" };
  let mostHeap = 0;
  for (let run = 0; run < count && failures.length < mostFailures; run++) {
    const [name, make] = wanted[run % wanted.length] as (typeof wanted)[number];
    const random = new Random(seed * 2 ** 20 + run);
    const made = make(random);
    const what = `${name}, seed ${seed}, run ${run} (${Object.keys(made.files).at(-1)})`;
    const start = process.cpuUsage();
    let outcome: string;
    try {
      outcome = await (made.isRun === true ? followRuns(made) : openAll(made));
      if (made.mustBeTold !== undefined && !/Dangerous|UnknownCalls/.test(outcome))
        failures.push({ what: `${what} was not told: ${made.mustBeTold}; ${outcome}`, files: made.files });
    } catch (error) {
      outcome = "CRASHED";
      const trace = error instanceof Error ? error.stack : String(error);
      failures.push({ what: `crash of ${what}: ${trace}`, files: made.files });
    }
    // Of the processor: by the clock a busy machine would count as well.
    const ms = process.cpuUsage(start).user / 1000;
    const counts = classes.get(name) ?? new Map<string, number>();
    classes.set(name, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
    if (ms > slowest.ms) slowest = { ms, what };
    if (isTimed && ms > slowMs)
      failures.push({ what: `${what} took ${Math.round(ms)} ms`, files: made.files });
    if (run % 500 === 0) {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      mostHeap = Math.max(mostHeap, heapUsed + arrayBuffers);
      if (mostHeap > maxHeapBytes)
        failures.push({ what: `memory beyond ${maxHeapBytes / 1e6} MB`, files: {} });
    }
  }
  return { classes, failures, slowest, mostHeap };
}

/** One of the project's own files with bits, numbers or pieces changed. */
function damageOf(samples: readonly Sample[], random: Random): Made {
  const { files, path } = random.of(samples);
  const target = random.of(Object.keys(files));
  const other = random.of(Object.values(random.of(samples).files));
  return { files: { ...files, [target]: mutate(files[target] ?? new Uint8Array(), other, random) }, path };
}

/** All that `inspect --json` and the editor's tabs do with it. */
async function openAll({ files: contents, path }: Made): Promise<string> {
  const files = new MemoryFiles(contents);
  let session: CheckpointSession;
  try {
    session = await CheckpointSession.open(files, path, () => undefined);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return "refused";
  }
  const report = await inspectReport(
    path,
    session,
    { tensors: new Map(), problems: [] },
    { showSecrets: false },
  );
  toJsonText(report);
  await readTensors(files, path);
  const codes = new Set(report.problems.map(({ code }) => code));
  if (codes.has("DangerousImport")) return "read, DangerousImport";
  if (codes.has("UnknownCalls")) return "read, UnknownCalls";
  return report.problems.some(({ severity }) => severity === "error") ? "read with errors" : "read";
}

async function readTensors(files: MemoryFiles, path: string): Promise<void> {
  const checkpoint = await withValues(await openCheckpoint(files, path));
  const reader = new TensorReader(files, checkpoint);
  for (const tensor of checkpoint.tensors.slice(0, tensorsRead)) {
    if (tensor.byteSize > longestRead) continue;
    try {
      const read = await reader.read(tensor);
      if (read.length !== tensor.byteSize) throw new Error(`read ${read.length} of ${tensor.byteSize} bytes`);
    } catch (error) {
      if (!(error instanceof UnreadableTensorError || error instanceof RangeError)) throw error;
    }
  }
  await reader.close();
  await readWeights(files, checkpoint);
  const { content, tensors } = checkpoint;
  if (content === undefined) return;
  rootNode(content);
  const page = contentPage(content, []);
  for (let at = 0; at < Math.min(5, page?.nodes.length ?? 0); at++) contentPage(content, [at]);
  settingsTable(content.root, content.describe);
  for (const optimizer of optimizerStates(content)) nameParameters(optimizer, tensors, false);
}

/** What Training Runs and its charts do with a folder. */
async function followRuns({ files: contents, path }: Made): Promise<string> {
  const files = new MemoryFiles(contents);
  const { runs } = await discoverRuns(files, [{ path, name: "f" }], {
    exclude: () => false,
    maxDepth: 8,
    maxFolders: 100,
  });
  let points = 0;
  for (const run of runs) {
    const follower = new RunLogFollower(new LogStore(files), run);
    await follower.poll();
    toJsonText(trainingViewOf(follower, run));
    points++;
  }
  return points === 0 ? "no run" : "a run";
}
