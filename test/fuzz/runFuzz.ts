/**
 * `npm run fuzz -- [COUNT] [SEED] [NAME]`: damages the project's own files of every format in many ways and opens each. A damaged
 * file may be refused with a CheckpointError or shown with problems; it must never crash, hang or take memory.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Checkpoint } from "../../src/core/checkpoint/checkpoint";
import { contentKind } from "../../src/core/checkpoint/contentKind";
import { progressInside } from "../../src/core/checkpoint/inside/progressInside";
import { openCheckpoint } from "../../src/core/checkpoint/openCheckpoint";
import { TensorReader, UnreadableTensorError } from "../../src/core/checkpoint/tensorReader";
import { withValues } from "../../src/core/checkpoint/withValues";
import { contentPage, rootNode } from "../../src/core/content/contentTree";
import { settingsTable } from "../../src/core/content/settingsTable";
import { nameParameters } from "../../src/core/optimizer/nameParameters";
import { optimizerStates } from "../../src/core/optimizer/optimizerState";
import { CheckpointError } from "../../src/core/problem/checkpointError";
import { MemoryFiles } from "../support/memoryFiles";
import { mutate, Random } from "./mutate";
import { fuzzSamples } from "./samples";

const slowMs = 2000;
const maxHeapBytes = 1_500_000_000;
/** Tensors read of each file, and how long one may claim to be. */
const tensorsRead = 4;
const longestRead = 4_000_000;

const [, , , , only = ""] = process.argv;
const samples = fuzzSamples().filter(({ name }) => name.includes(only));

const counts = new Map<string, number>();
const failures: string[] = [];
let slowest = { ms: 0, what: "" };
let mostHeap = 0;

async function openAll(files: MemoryFiles, path: string): Promise<string> {
  let checkpoint: Checkpoint;
  try {
    checkpoint = await withValues(await openCheckpoint(files, path));
  } catch (error) {
    if (error instanceof CheckpointError) return `refused ${error.code}`;
    throw error;
  }
  await readTensors(files, checkpoint);
  const { content, tensors, format, problems } = checkpoint;
  if (content !== undefined) {
    rootNode(content);
    const page = contentPage(content, []);
    for (let at = 0; at < Math.min(5, page?.nodes.length ?? 0); at++) contentPage(content, [at]);
    settingsTable(content.root, content.describe);
    contentKind(content);
    for (const optimizer of optimizerStates(content)) nameParameters(optimizer, tensors, false);
    await progressInside(content, async () => 1);
  }
  const worst = problems.some(({ severity }) => severity === "error") ? "with errors" : "whole";
  return `read as ${format}, ${worst}`;
}

async function readTensors(files: MemoryFiles, checkpoint: Checkpoint): Promise<void> {
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
}

/** A byte array of any of the samples. */
function anyFile(random: Random): Uint8Array {
  return random.of(Object.values(random.of(samples).files));
}

async function fuzz(count: number, seed: number): Promise<void> {
  const random = new Random(seed);
  for (let run = 0; run < count; run++) {
    const sample = random.of(samples);
    const target = random.of(Object.keys(sample.files));
    const bytes = mutate(sample.files[target] ?? new Uint8Array(), anyFile(random), random);
    const files = new MemoryFiles({ ...sample.files, [target]: bytes });
    const start = performance.now();
    let outcome: string;
    try {
      outcome = await openAll(files, sample.path);
    } catch (error) {
      outcome = "CRASHED";
      keep(
        `crash of ${sample.name}, run ${run}: ${error instanceof Error ? error.stack : String(error)}`,
        bytes,
        run,
      );
    }
    const ms = performance.now() - start;
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    if (ms > slowest.ms) slowest = { ms, what: `${sample.name}, run ${run}` };
    if (ms > slowMs) keep(`${sample.name}, run ${run} took ${Math.round(ms)} ms`, bytes, run);
    if (run % 500 === 0) {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      mostHeap = Math.max(mostHeap, heapUsed + arrayBuffers);
    }
    if (failures.length > 20) break;
  }
}

/** The file that failed, for a look at it. */
function keep(what: string, bytes: Uint8Array, run: number): void {
  const path = join(tmpdir(), `fuzz-${run}.bin`);
  writeFileSync(path, bytes);
  failures.push(`${what}\n  kept as ${path}`);
}

const [count = 100_000, seed = 1] = process.argv.slice(2, 4).map(Number);
const start = performance.now();
await fuzz(count, seed);
const seconds = (performance.now() - start) / 1000;
for (const [outcome, times] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`${times}\t${outcome}`);
for (const failure of failures) console.error(`FAILED: ${failure}`);
console.log(
  `${count} damaged files of ${samples.length} kinds in ${seconds.toFixed(0)} s (seed ${seed}); ` +
    `slowest ${slowest.ms.toFixed(0)} ms (${slowest.what}), most memory ${Math.round(mostHeap / 1e6)} MB, ` +
    `${failures.length} failures`,
);
if (mostHeap > maxHeapBytes) console.error(`FAILED: memory beyond ${maxHeapBytes / 1e6} MB`);
if (failures.length > 0 || mostHeap > maxHeapBytes) process.exitCode = 1;
