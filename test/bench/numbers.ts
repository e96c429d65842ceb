import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { encodingOf } from "../../src/core/analysis/numberEncoding";
import { TensorMeasurer } from "../../src/core/analysis/tensorMeasurer";
import { openCheckpoint } from "../../src/core/checkpoint/openCheckpoint";
import { encodeValues } from "../../src/core/tensors/encode";
import { WasmKernels } from "../../src/kernels/wasmKernels";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { compareTensorPairs } from "../../src/worker/numbers/compareTensorPairs";
import type { NumbersSource } from "../../src/worker/numbers/longPass";
import { NumbersCache } from "../../src/worker/numbers/numbersCache";
import { JobControl } from "../../src/worker/numbers/numbersJob";
import { NumbersPool } from "../../src/worker/numbers/numbersPool";
import { PlainReading } from "../../src/worker/numbers/plainReading";
import { type ScanTools, scanTensors } from "../../src/worker/numbers/scan";
import { ThreadPool } from "../../src/worker/numbers/threadPool";
import { fileHead } from "../support/made/safetensorsFile";
import { projectRoot } from "../support/projectRoot";
import { printBlockRates } from "./blockRates";
import { printDtypeRates } from "./dtypeRates";
import { median, printTable } from "./measure";
import { writeSparseModels } from "./sparseModels";

/**
 * `npm run bench:numbers [-- ROUNDS [MIB]]`: how fast tensors are measured and compared, as shares of how fast the same
 * threads read the same bytes and do nothing with them. Rounds of all take turns. Needs a build. The numbers of Python
 * need torch and numpy.
 */
const threadFile = join(projectRoot, "dist/numbersThread.js");
const dtypes = ["F32", "BF16", "F16"] as const;
type Dtype = (typeof dtypes)[number];

/** What something took: by the clock, and of all processors together. */
interface Cost {
  readonly seconds: number;
  readonly processorSeconds: number;
}

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - start) / 1000, processorSeconds: (user + system) / 1e6 };
}

/** Normally distributed values, 16 MiB of them again and again; `shift` makes another file of nearly the same. */
function writeModel(path: string, dtype: Dtype, bytes: number, shift: number): void {
  const width = dtype === "F32" ? 4 : 2;
  const block = Math.min(16 * 1024 * 1024, bytes) / width;
  const values = new Float64Array(block);
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
  for (let at = 0; at < block; at += 2) {
    const radius = 0.02 * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    values[at] = radius * Math.cos(angle) + shift * random();
    values[at + 1] = radius * Math.sin(angle) + shift * random();
  }
  const data = encodeValues(values, dtype);
  const rows = bytes / width / 4096;
  const file = openSync(path, "w");
  writeSync(file, fileHead({ tensors: [{ name: "w", dtype, shape: [rows, 4096] }], align: 8 }));
  for (let written = 0; written < bytes; written += data.length) writeSync(file, data);
  closeSync(file);
}

/** Nothing is kept from one round to the next. */
function toolsOf(threads: ThreadPool): ScanTools {
  return { threads, cache: new NumbersCache(), reading: new PlainReading() };
}

async function readOnly(path: string, offset: number, bytes: number, threads: ThreadPool): Promise<void> {
  const control = JobControl.create();
  const length = 32 * 1024 * 1024;
  const offsets = Array.from({ length: bytes / length }, (_, at) => offset + at * length);
  await Promise.all(
    offsets.map((at) => {
      const piece = { offset: at, length, encoding: undefined, padding: 0, isWhole: true, hash: false };
      return threads.run({ kind: "measure", paths: [path], control, pieces: [piece] });
    }),
  );
}

/** Of a quarter of the file: Python is slow enough to be timed by that. */
function pythonCost(
  library: string,
  dtype: Dtype,
  path: string,
  offset: number,
  bytes: number,
): Cost | undefined {
  const script = join(projectRoot, "test/bench/numbersReference.py");
  const part = bytes / 4;
  const args = [script, library, dtype, path, String(offset), String(part)];
  const { stdout, status } = spawnSync("/usr/bin/python3", args, { encoding: "utf8" });
  if (status !== 0) return undefined;
  const [seconds = Number.NaN, processorSeconds = Number.NaN] = stdout.trim().split(" ").map(Number);
  return { seconds: 4 * seconds, processorSeconds: 4 * processorSeconds };
}

type Costs = Map<string, Cost[]>;

function add(costs: Costs, what: string, cost: Cost): void {
  costs.set(what, [...(costs.get(what) ?? []), cost]);
}

async function benchDtype(
  dtype: Dtype,
  rounds: number,
  bytes: number,
  folder: string,
  pools: readonly ThreadPool[],
): Promise<void> {
  const [path, otherPath] = [
    join(folder, `${dtype}.safetensors`),
    join(folder, `${dtype}-other.safetensors`),
  ];
  writeModel(path, dtype, bytes, 0);
  writeModel(otherPath, dtype, bytes, 0.002);
  const source: NumbersSource = { checkpoint: await openCheckpoint(nodeFiles, path), files: nodeFiles };
  const other: NumbersSource = { checkpoint: await openCheckpoint(nodeFiles, otherPath), files: nodeFiles };
  const offset = source.checkpoint.tensors[0]?.offset ?? 0;
  const costs: Costs = new Map();
  for (let round = 0; round <= rounds; round++) {
    // The first round warms up: files into the cache, kernels to their fastest code.
    const keep = round === 0 ? new Map() : costs;
    for (const threads of pools) {
      const { size } = threads;
      add(keep, `read ${size}`, await costOf(() => readOnly(path, offset, bytes, threads)));
      add(keep, `scan ${size}`, await costOf(() => scanTensors(source, [0], {}, toolsOf(threads))));
      const pairs = [{ a: 0, b: 0 }];
      add(
        keep,
        `compare ${size}`,
        await costOf(() => compareTensorPairs(source, other, pairs, {}, toolsOf(threads))),
      );
    }
    if (round === 0 || round > 3) continue;
    for (const library of ["numpy", "torch"]) {
      const cost = pythonCost(library, dtype, path, offset, bytes);
      if (cost !== undefined) add(keep, library, cost);
    }
  }
  printCosts(dtype, bytes, costs);
  await printProfile(
    dtype,
    path,
    offset,
    bytes / median((costs.get("read 1") ?? []).map((cost) => cost.seconds)),
  );
  rmSync(path);
  rmSync(otherPath);
}

function printCosts(dtype: Dtype, bytes: number, costs: Costs): void {
  const secondsOf = (what: string) => median((costs.get(what) ?? []).map(({ seconds }) => seconds));
  const processorOf = (what: string) => median((costs.get(what) ?? []).map((cost) => cost.processorSeconds));
  const targets: Record<string, string> =
    dtype === "F32" ? { "scan 1": "0.35", "scan 2": "0.65" } : { "scan 1": "0.25", "scan 2": "0.45" };
  const rows = [...costs.keys()].map((what) => {
    const read = what.startsWith("compare") ? 2 * bytes : bytes;
    const share = (reference: number, own: number) => ((read / bytes) * (reference / own)).toFixed(2);
    return [
      what,
      (read / secondsOf(what) / 1e9).toFixed(2),
      targets[what] ?? "",
      share(secondsOf("read 1"), secondsOf(what)),
      share(processorOf("read 1"), processorOf(what)),
      what.startsWith("compare") ? share(secondsOf(what.replace("compare", "scan")), secondsOf(what)) : "",
      what.startsWith("scan") ? (secondsOf("numpy") / secondsOf(what)).toFixed(1) : "",
      what.startsWith("scan") ? (secondsOf("torch") / secondsOf(what)).toFixed(1) : "",
      what.startsWith("scan") ? (processorOf("numpy") / processorOf(what)).toFixed(1) : "",
      what.startsWith("scan") ? (processorOf("torch") / processorOf(what)).toFixed(1) : "",
    ];
  });
  console.log(
    `\n${dtype}, ${bytes / 2 ** 20} MiB a file; the number after a name is that of threads. A comparison reads two files, and is counted with the bytes of both: as fast as a scan where each file takes as long as one that is scanned (of scan: target 0.8).`,
  );
  printTable(
    [
      "what",
      "GB/s",
      "target",
      "of read 1",
      "by processor",
      "of scan",
      "× numpy",
      "× torch",
      "cpu × numpy",
      "cpu × torch",
    ],
    rows,
  );
}

/**
 * Where the time of one thread goes: the kernel alone, over bytes that are in the cache, and what reading and it give
 * one after the other. The rest of a scan is what they take from each other's caches, and putting parts together.
 */
async function printProfile(dtype: Dtype, path: string, offset: number, readRate: number): Promise<void> {
  const script = pathToFileURL(join(projectRoot, "src/kernels/compileKernels.mjs")).href;
  const { compileKernels } = (await import(script)) as typeof import("../../src/kernels/compileKernels.mjs");
  const kernels = WasmKernels.create(await compileKernels());
  if (kernels === undefined) return;
  const file = openSync(path, "r");
  readSync(file, kernels.chunk, 0, kernels.chunk.length, offset);
  closeSync(file);
  const measurer = new TensorMeasurer(kernels, encodingOf({ dtype }));
  const repeats = 200;
  const rates: number[] = [];
  for (let round = 0; round < 9; round++) {
    const { seconds } = await costOf(async () => {
      for (let done = 0; done < repeats; done++) measurer.add(kernels.chunk.length);
    });
    rates.push((repeats * kernels.chunk.length) / seconds);
  }
  const kernelRate = median(rates);
  const share = kernelRate / (readRate + kernelRate);
  console.log(
    `The kernel alone: ${(kernelRate / 1e9).toFixed(2)} GB/s; reading and it one after the other: ${share.toFixed(2)} of read 1.`,
  );
}

/** The first argument of the process that measures its memory. */
export const memoryRun = "memory";

const megabytes = (value: number) => `${(value / 1e6).toFixed(0)} MB`;

/** In a process of its own: what scanning a file takes, and how soon it stops. */
async function measureMemory(path: string): Promise<void> {
  const source: NumbersSource = { checkpoint: await openCheckpoint(nodeFiles, path), files: nodeFiles };
  const before = process.memoryUsage().rss;
  const pool = new NumbersPool({ threads: 2, threadFile });
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 20);
  const { seconds } = await costOf(() => pool.scan(source, undefined));
  clearInterval(timer);
  await pool.dispose();
  console.log(
    `13.5 GB with 2 threads: ${seconds.toFixed(1)} s, memory of the process ${megabytes(before)} before, at most ` +
      `${megabytes(peak)} (target 300 MB).`,
  );
  const delays: number[] = [];
  for (let round = 0; round < 5; round++) {
    const fresh = new NumbersPool({ threads: 2, threadFile });
    const abort = new AbortController();
    const scan = fresh.scan(source, undefined, { signal: abort.signal }).catch(() => performance.now());
    await new Promise((done) => setTimeout(done, 150));
    const start = performance.now();
    abort.abort();
    delays.push(Number(await scan) - start);
    await fresh.dispose();
  }
  console.log(
    `Cancelling: ${median(delays).toFixed(1)} ms, at most ${Math.max(...delays).toFixed(1)} ms (target 100).`,
  );
}

/** Opening, scanning and closing again and again: what stays behind. */
async function benchSoak(folder: string, cycles: number): Promise<void> {
  const path = join(folder, "soak.safetensors");
  writeModel(path, "BF16", 32 * 2 ** 20, 0);
  const state = () => ({
    files: existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : Number.NaN,
    threads: existsSync("/proc/self/task") ? readdirSync("/proc/self/task").length : Number.NaN,
    memory: process.memoryUsage().rss / 2 ** 20,
  });
  const cycle = async () => {
    const source: NumbersSource = { checkpoint: await openCheckpoint(nodeFiles, path), files: nodeFiles };
    const pool = new NumbersPool({ threads: 2, threadFile });
    await pool.scan(source, undefined, { withHashes: true });
    await pool.dispose();
  };
  // What a process needs once is there after a few.
  for (let warm = 0; warm < 20; warm++) await cycle();
  const before = state();
  for (let round = 0; round < cycles; round++) await cycle();
  const after = state();
  console.log(
    `${cycles} times opened, scanned and closed: files ${before.files} → ${after.files}, threads ${before.threads} → ` +
      `${after.threads}, memory ${before.memory.toFixed(0)} → ${after.memory.toFixed(0)} MiB (target below 20 more).`,
  );
}

export async function benchNumbers(rounds: number, mebibytes: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
  const [processor] = cpus();
  console.log(`Measuring tensors: medians of ${rounds} rounds; ${processor?.model}, ${cpus().length} cores.`);
  console.log(`Node ${process.version}, warm file cache, load ${loadavg()[0]?.toFixed(1)}.`);
  await printBlockRates(folder);
  const { llama } = await writeSparseModels(folder);
  spawnSync(process.execPath, [fileURLToPath(import.meta.url), memoryRun, llama], { stdio: "inherit" });
  await benchSoak(folder, 200);
  const pools = [1, 2].map((size) => new ThreadPool(size, threadFile));
  for (const dtype of dtypes) await benchDtype(dtype, rounds, mebibytes * 2 ** 20, folder, pools);
  await printDtypeRates(folder, rounds, mebibytes * 2 ** 18, pools, toolsOf);
  await Promise.all(pools.map((pool) => pool.dispose()));
  console.log(`Load at the end ${loadavg()[0]?.toFixed(1)}.`);
}

const [, script, first, second] = process.argv;
if (first === memoryRun && second !== undefined) await measureMemory(second);
else if (script?.endsWith("numbers.ts")) {
  await benchNumbers(Math.max(1, Number(first ?? 5) || 5), Math.max(32, Number(second ?? 1024) || 1024));
}
