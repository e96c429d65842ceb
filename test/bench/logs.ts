import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Files } from "../../src/core/bytes/files";
import type { LogFormatId } from "../../src/core/runs/logs/logFormat";
import { logFormatOf } from "../../src/core/runs/logs/logFormats";
import { LogStore } from "../../src/core/runs/merge/logStore";
import { RunLogFollower } from "../../src/core/runs/merge/runLogFollower";
import { sampleEnvelope } from "../../src/core/runs/series/sampling";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { appendEvents, writeEventFile, writeLines } from "./logFiles";
import { compareTimes, formatMs, median, printTable, timeOf } from "./measure";

const megabyte = 1e6;

/**
 * How fast training logs are read, beside straightforward parsing of the same file, and what it costs to read
 * on: that must not depend on how long the log is.
 */
export async function benchLogs(rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-logs-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  await benchReading(folder, rounds);
  console.log("");
  await benchTail(folder, rounds);
  console.log("");
  benchSampling(rounds);
}

async function read(format: LogFormatId, path: string): Promise<number> {
  const { points } = await logFormatOf(format).read({ files: nodeFiles, path }, undefined, { atRest: true });
  return points.points;
}

async function benchReading(folder: string, rounds: number): Promise<void> {
  const rows: string[][] = [];
  const row = (
    what: string,
    size: number,
    oursMs: number,
    reference: string,
    referenceMs: number,
    referenceSize = size,
  ) => {
    const [ours, theirs] = [
      size / megabyte / (oursMs / 1000),
      referenceSize / megabyte / (referenceMs / 1000),
    ];
    rows.push([
      what,
      formatMs(oursMs),
      ours.toFixed(0),
      reference,
      theirs.toFixed(theirs < 10 ? 1 : 0),
      (ours / theirs).toFixed(1),
    ]);
  };
  const events = join(folder, "events.out.tfevents.1.bench.1.0");
  const size = writeEventFile(events, 250_000);
  const oursMs = await medianOf(rounds, () => read("tensorboard", events));
  // Python takes a minute for the whole.
  const small = join(folder, "events.out.tfevents.2.bench.1.0");
  const smallSize = writeEventFile(small, 25_000);
  for (const check of ["", "crc"]) {
    const pythonMs = pythonTime(small, check, Math.min(rounds, 3));
    const what = `Python, ${check === "" ? "no checksums" : "with checksums"}`;
    if (pythonMs !== undefined)
      row(
        `event file, 1,000,000 scalars, ${Math.round(size / megabyte)} MB`,
        size,
        oursMs,
        what,
        pythonMs,
        smallSize,
      );
  }
  const csv = join(folder, "metrics.csv");
  const csvSize = writeLines(
    csv,
    "epoch,step,train_loss,val_loss\n",
    1_000_000,
    (step) => `0,${step},${Math.sin(step)},`,
  );
  const csvTimes = await compareTimes(
    () => read("lightning-csv", csv),
    () => {
      let sum = 0;
      for (const line of readFileSync(csv, "utf8").split("\n"))
        for (const cell of line.split(",")) sum += Number(cell) || 0;
      return sum;
    },
    rounds,
  );
  row("metrics.csv, 1,000,000 rows", csvSize, csvTimes.oursMs, "split and Number", csvTimes.referenceMs);
  const jsonl = join(folder, "metrics.jsonl");
  const jsonlSize = writeLines(jsonl, "", 500_000, (step) =>
    JSON.stringify({ step, loss: Math.sin(step), lr: 1e-4, epoch: step / 1e5 }),
  );
  const jsonTimes = await compareTimes(
    () => read("jsonl", jsonl),
    () =>
      readFileSync(jsonl, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    rounds,
  );
  row(
    "metrics.jsonl, 500,000 rows",
    jsonlSize,
    jsonTimes.oursMs,
    "split and JSON.parse",
    jsonTimes.referenceMs,
  );
  console.log(`Reading a whole log; medians of ${rounds} rounds, warm file cache.`);
  printTable(["what", "ms", "MB/s", "reference", "MB/s", "ratio"], rows);
}

async function medianOf(rounds: number, work: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) times.push(await timeOf(work));
  return median(times);
}

/** Milliseconds without the start of Python; undefined where there is none. */
function pythonTime(path: string, check: string, rounds: number): number | undefined {
  try {
    const times = Array.from({ length: rounds }, () => {
      const script = join("test", "bench", "parseEvents.py");
      return Number(execFileSync("python3", [script, path, check], { encoding: "utf8" }).split(" ")[0]);
    });
    return median(times);
  } catch {
    return undefined;
  }
}

/** Ten more steps, in logs of very different length. */
async function benchTail(folder: string, rounds: number): Promise<void> {
  const rows: string[][] = [];
  for (const steps of [2_500, 25_000, 250_000]) {
    const path = join(folder, `events.out.tfevents.3.bench.${steps}.0`);
    const size = writeEventFile(path, steps);
    const counts = { reads: 0, bytes: 0 };
    const files = countingFiles(counts);
    const follower = new RunLogFollower(new LogStore(files), {
      checkpoints: [],
      logs: [{ path, format: "tensorboard" }],
    });
    const firstMs = await timeOf(() => follower.poll());
    const times: number[] = [];
    let added = 0;
    let appended = 0;
    for (let round = 0; round < rounds * 5; round++) {
      added = appendEvents(path, steps + 1 + round * 10, 10);
      counts.reads = counts.bytes = 0;
      times.push(
        await timeOf(async () => {
          appended = (await follower.poll()).appended.reduce((sum, one) => sum + one.steps.length, 0);
        }),
      );
    }
    rows.push([
      `${(size / megabyte).toFixed(1)} MB`,
      formatMs(firstMs),
      `${added}`,
      `${appended}`,
      formatMs(median(times)),
      `${counts.bytes}`,
      `${counts.reads}`,
    ]);
  }
  console.log("Reading on: ten steps of four metrics were appended, one of which is the epoch.");
  printTable(
    ["log", "first look ms", "bytes added", "points told", "next look ms", "bytes read", "reads"],
    rows,
  );
}

function countingFiles(counts: { reads: number; bytes: number }): Files {
  return {
    ...nodeFiles,
    open: async (path) => {
      const source = await nodeFiles.open(path);
      return {
        size: source.size,
        close: () => source.close(),
        read: (offset, length, signal) => {
          counts.reads++;
          counts.bytes += length;
          return source.read(offset, length, signal);
        },
      };
    },
  };
}

function benchSampling(rounds: number): void {
  const x = Float64Array.from({ length: 1_000_000 }, (_, index) => index);
  const y = x.map((value) => Math.sin(value / 1000) + Math.random());
  const rows: string[][] = [];
  for (const [what, from, to] of [
    ["all of it", 0, 1e6],
    ["a tenth", 4e5, 5e5],
    ["a thousandth", 4e5, 4.01e5],
  ] as const) {
    const times: number[] = [];
    let bytes = 0;
    for (let round = 0; round < rounds * 3; round++) {
      const start = performance.now();
      const envelope = sampleEnvelope(x, y, from, to, 1000);
      times.push(performance.now() - start);
      bytes = envelope.x.byteLength * 5 + envelope.count.byteLength * 2;
    }
    rows.push([what, formatMs(median(times)), `${Math.round(bytes / 1000)}`]);
  }
  console.log("One series of 1,000,000 points for a picture of 1,000 pixels.");
  printTable(["visible", "ms", "kB to the page"], rows);
}

/** `node test/support/runTypeScript.mjs test/bench/logs.ts [ROUNDS]` */
if (process.argv[1]?.endsWith("bench/logs.ts") === true)
  await benchLogs(Math.max(1, Number(process.argv[2] ?? 5) || 5));
