import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { MemoryByteSource } from "../../src/core/bytes/byteSource";
import type { Files } from "../../src/core/bytes/files";
import { discoverRuns } from "../../src/core/runs/discover/discover";
import type { LogCursor, LogFile, LogRead } from "../../src/core/runs/logs/logFormat";
import { logFormatOf } from "../../src/core/runs/logs/logFormats";
import { spelledOut, spelledOutTrainerName } from "../../src/core/runs/logs/metricNames";
import type { PointColumns } from "../../src/core/runs/logs/pointColumns";
import { recogniseLogFile } from "../../src/core/runs/merge/recogniseLogFile";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { mergedRunLog } from "../core/runs/merge/readLogs";

/** What the reference says of a metric; values that are not finite are words. */
interface Reference {
  readonly n: number;
  readonly first: readonly [number, number | string];
  readonly last: readonly [number, number | string];
  readonly min: number | null;
  readonly max: number | null;
  readonly sum: number;
}

type References = Readonly<Record<string, Readonly<Record<string, Reference>>>>;

export interface LogCorpusResult {
  /** By kind of log. */
  readonly files: ReadonlyMap<string, number>;
  readonly metrics: number;
  readonly points: number;
  /** Files that were held against the reference, and metrics in them. */
  readonly comparedFiles: number;
  readonly comparedMetrics: number;
  /** Growths of a file, each read in several parts, that gave what one read gives. */
  readonly growths: number;
  readonly runs: number;
  readonly runsWithoutCheckpoints: number;
  readonly misses: readonly string[];
}

/** Sums are of single values in another order. */
const tolerance = 1e-9;

/**
 * Reads every training log below a folder and holds it against what logReference.py makes of it: for each
 * metric the count, first, last, lowest, highest and sum. Each file is also read as it would be while it
 * grew.
 */
export async function checkLogFiles(folder: string): Promise<LogCorpusResult> {
  const references = readReferences(folder);
  const result = { metrics: 0, points: 0, comparedFiles: 0, comparedMetrics: 0, growths: 0 };
  const files = new Map<string, number>();
  const misses: string[] = [];
  for (const log of await findLogs(folder)) {
    const name = relative(folder, log.path);
    const read = await logFormatOf(log.format).read({ files: nodeFiles, path: log.path }, undefined, {
      atRest: true,
    });
    files.set(log.format, (files.get(log.format) ?? 0) + 1);
    result.metrics += read.points.columns.size;
    result.points += read.points.points;
    const reference = references[name];
    if (reference !== undefined) {
      result.comparedFiles++;
      result.comparedMetrics += Object.keys(reference).length;
      misses.push(...compareLog(log, read, reference).map((miss) => `${name}: ${miss}`));
    }
    if (log.format === "mlflow" || log.format === "trainer-state") continue;
    result.growths++;
    if (!(await growsAlike(log, read))) misses.push(`${name}: read in parts it gives something else`);
  }
  for (const name of Object.keys(references)) {
    if (!(await isRead(join(folder, name)))) misses.push(`${name}: the reference reads it, we do not`);
  }
  const { runs, alone, problems } = await checkRuns(folder);
  return { files, ...result, runs, runsWithoutCheckpoints: alone, misses: [...misses, ...problems] };
}

function readReferences(folder: string): References {
  const script = join("test", "corpus", "logReference.py");
  try {
    const output = execFileSync("python3", [script, folder], { encoding: "utf8", maxBuffer: 2 ** 28 });
    return JSON.parse(output) as References;
  } catch (error) {
    console.log(`No reference: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
    return {};
  }
}

async function findLogs(folder: string): Promise<LogFile[]> {
  const found: LogFile[] = [];
  const pending = [folder];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const entries = readdirSync(at, { withFileTypes: true });
    if (entries.some(({ name }) => name === "meta.yaml") && entries.some(({ name }) => name === "metrics")) {
      found.push({ path: at, format: "mlflow" });
      continue;
    }
    for (const entry of entries) {
      const path = join(at, entry.name);
      if (entry.isDirectory() && entry.name !== "EXPECTED") pending.push(path);
      if (!entry.isFile() || !/\.(?:csv|jsonl|wandb|log|txt|json|yaml)$|tfevents/.test(entry.name)) continue;
      const log = await recogniseLogFile(nodeFiles, path).catch(() => undefined);
      // A table may be data: only what gives a metric, or is a log by its name, counts.
      if (log !== undefined && (log.format !== "csv" || /log|metric|semicolon|quoted/.test(path)))
        found.push(log);
    }
  }
  return found;
}

function keyOf({ format }: LogFile, name: string): string {
  if (format === "tensorboard" || format === "wandb") return spelledOutTrainerName(name);
  return format === "trainer-state" || format === "mlflow" || format === "stdout" ? name : spelledOut(name);
}

function compareLog(
  log: LogFile,
  { points }: LogRead,
  reference: Readonly<Record<string, Reference>>,
): string[] {
  const misses: string[] = [];
  const expected = new Map(Object.entries(reference).map(([name, one]) => [keyOf(log, name), one]));
  for (const key of points.columns.keys()) if (!expected.has(key)) misses.push(`the reference has no ${key}`);
  for (const [key, one] of expected) {
    const columns = points.columns.get(key);
    if (columns === undefined) misses.push(`no ${key}`);
    else misses.push(...compareMetric(columns, one).map((miss) => `${key}: ${miss}`));
  }
  return misses;
}

function compareMetric(columns: PointColumns, expected: Reference): string[] {
  const steps = [...columns.steps];
  const values = [...columns.values];
  const finite = values.filter(Number.isFinite);
  const found: [string, unknown, unknown][] = [
    ["count", values.length, expected.n],
    ["first step", steps[0], expected.first[0]],
    ["first value", wordOf(values[0]), expected.first[1]],
    ["last step", steps.at(-1), expected.last[0]],
    ["last value", wordOf(values.at(-1)), expected.last[1]],
    ["min", finite.length === 0 ? null : Math.min(...finite), expected.min],
    ["max", finite.length === 0 ? null : Math.max(...finite), expected.max],
    ["sum", finite.reduce((sum, value) => sum + value, 0), expected.sum],
  ];
  return found.flatMap(([what, ours, theirs]) =>
    isSame(ours, theirs) ? [] : [`${what} ${ours}, not ${theirs}`],
  );
}

function isSame(ours: unknown, theirs: unknown): boolean {
  if (typeof ours !== "number" || typeof theirs !== "number") return ours === theirs;
  return Math.abs(ours - theirs) <= tolerance * Math.max(1, Math.abs(theirs));
}

function wordOf(value = Number.NaN): number | string {
  if (Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? value : value > 0 ? "inf" : "-inf";
}

/** Reads a file as it was when it had a seventh of its bytes, a third, and so on. */
async function growsAlike(log: LogFile, whole: LogRead): Promise<boolean> {
  const source = await nodeFiles.open(log.path);
  const bytes = await source.read(0, source.size);
  await source.close();
  const grown = new Map<string, number[]>();
  let from: LogCursor | undefined;
  for (const share of [1 / 7, 1 / 3, 0.5, 0.9, 0.99, 1]) {
    const part = bytes.subarray(0, Math.floor(bytes.length * share));
    const files: Files = { ...nodeFiles, open: async () => new MemoryByteSource(part) };
    const options = { atRest: share === 1 };
    const read: LogRead = await logFormatOf(log.format).read({ files, path: log.path }, from, options);
    from = read.cursor;
    if (read.restarted) grown.clear();
    for (const [key, columns] of read.points.columns) {
      grown.set(key, [...(grown.get(key) ?? []), ...columns.steps, ...columns.values]);
    }
  }
  return [...whole.points.columns].every(([key, { steps, values }]) => {
    const sum = (numbers: Iterable<number>) =>
      [...numbers].filter(Number.isFinite).reduce((a, b) => a + b, 0);
    const found = grown.get(key) ?? [];
    return found.length === 2 * steps.length && isSame(sum(found), sum([...steps, ...values]));
  });
}

async function isRead(path: string): Promise<boolean> {
  return (await recogniseLogFile(nodeFiles, path).catch(() => undefined)) !== undefined;
}

async function checkRuns(folder: string): Promise<{ runs: number; alone: number; problems: string[] }> {
  const options = { exclude: (path: string) => path === "EXPECTED", maxDepth: 32, maxFolders: 1_000_000 };
  const { runs } = await discoverRuns(nodeFiles, [{ path: folder, name: "corpus" }], options);
  const problems: string[] = [];
  for (const run of runs) {
    const { series, problems: told } = await mergedRunLog(nodeFiles, run);
    for (const { key, steps } of series) {
      const doubled = steps.some((step, index) => index > 0 && !(step > (steps[index - 1] ?? 0)));
      if (doubled) problems.push(`${run.name}: ${key} has steps that do not ascend`);
    }
    for (const { code, severity } of told) {
      if (severity === "error") console.log(`${run.name}: ${code}`);
    }
  }
  return {
    runs: runs.length,
    alone: runs.filter(({ checkpoints }) => checkpoints.length === 0).length,
    problems,
  };
}

/** `node test/support/runTypeScript.mjs test/corpus/logCorpus.ts DIR` */
async function main(folder: string): Promise<void> {
  const { files, misses, ...counts } = await checkLogFiles(folder);
  for (const [format, count] of files) console.log(`${String(count).padStart(5)}  ${format}`);
  for (const [what, count] of Object.entries(counts)) console.log(`${String(count).padStart(7)}  ${what}`);
  for (const miss of misses) console.log(`MISS ${miss}`);
  console.log(`${misses.length} misses`);
  process.exitCode = misses.length === 0 ? 0 : 1;
}

if (process.argv[1]?.endsWith("logCorpus.ts") === true) await main(process.argv[2] ?? "");
