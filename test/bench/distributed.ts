import { spawnSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CheckpointSession } from "../../src/core/session/checkpointSession";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { NumbersCache } from "../../src/worker/numbers/numbersCache";
import { PlainReading } from "../../src/worker/numbers/plainReading";
import { scanTensors } from "../../src/worker/numbers/scan";
import { ThreadPool } from "../../src/worker/numbers/threadPool";
import { dcpMetadata } from "../support/made/dcpMetadata";
import { fileHead } from "../support/made/safetensorsFile";
import { projectRoot } from "../support/projectRoot";
import { formatMs, median, printTable, timeOf } from "./measure";
import { type Answer, measureFirstOpening, openInFreshProcess } from "./openBench";

/**
 * `npm run bench:distributed [-- ROUNDS [MIB]]`: how long folders of many processes take to open, and how fast joined
 * tensors are measured, as a share of how fast the same bytes are in one file. Needs a build; ZeRO-3 needs torch.
 */
export async function benchDistributed(rounds: number, mebibytes: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-distributed-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
  await benchOpening(folder, rounds);
  console.log("");
  await benchStatistics(folder, rounds, mebibytes * 1024 * 1024);
}

const ranks = 64;

async function benchOpening(folder: string, rounds: number): Promise<void> {
  const cases = [
    { what: "DCP, 30,016 chunks over 64 files", path: writeDcp(join(folder, "dcp"), 469), targetMs: 1500 },
    ...zero3(join(folder, "zero3")),
  ];
  const script = fileURLToPath(import.meta.url);
  const rows: string[][] = [];
  for (const { what, path, targetMs } of cases) {
    const found: Answer[] = [];
    for (let round = 0; round < rounds; round++) found.push(await openInFreshProcess(script, path));
    const grown = median(found.map(({ grownMb }) => grownMb));
    const processorMs = median(found.map((answer) => answer.processorMs));
    const ms = median(found.map((answer) => answer.ms));
    rows.push([what, `${targetMs}`, formatMs(ms), formatMs(processorMs), grown.toFixed(0)]);
  }
  console.log(`Opening a folder of ${ranks} processes, in a fresh process. Medians of ${rounds} rounds.`);
  printTable(["open", "target ms", "ms", "processor ms", "RSS +MB"], rows);
}

/** Tensors of as many chunks as ranks; the values are holes. */
function writeDcp(path: string, tensors: number): string {
  mkdirSync(path);
  const bytes = 1024;
  const names = Array.from({ length: tensors }, (_, at) => `model.layers.${at}.self_attn.q_proj.weight`);
  const metadata = dcpMetadata({
    tensors: names.map((name, at) => ({
      name,
      shape: [ranks * 4, 16],
      chunks: Array.from({ length: ranks }, (_, rank) => ({
        offsets: [rank * 4, 0],
        sizes: [4, 16],
        file: `__${rank}_0.distcp`,
        offset: at * bytes,
        length: bytes,
      })),
    })),
  });
  writeFileSync(join(path, ".metadata"), metadata);
  for (let rank = 0; rank < ranks; rank++) {
    const file = openSync(join(path, `__${rank}_0.distcp`), "w");
    ftruncateSync(file, tensors * bytes);
    closeSync(file);
  }
  return path;
}

/** None where no Python has torch. */
function zero3(path: string): readonly { what: string; path: string; targetMs: number }[] {
  const script = join(projectRoot, "test/fixtures/makeDeepSpeedFixtures.py");
  const made = [process.env.PYTHON, "/usr/bin/python3", "python3"].some(
    (python) => python !== undefined && spawnSync(python, [script, "--ranks", path, `${ranks}`]).status === 0,
  );
  if (!made) console.log("ZeRO-3: no Python with torch is here (set PYTHON to one), nothing was measured.");
  return made ? [{ what: "ZeRO-3, 64 ranks, 300 parameters", path, targetMs: 1500 }] : [];
}

/** The same bytes in one file, cut by rows, and cut by columns. */
async function benchStatistics(folder: string, rounds: number, bytes: number): Promise<void> {
  const columns = 4096;
  const tensors = 16;
  const rows = Math.floor(bytes / tensors / columns / 4 / ranks) * ranks;
  const whole = join(folder, "model.safetensors");
  writeFilled(whole, tensors, [rows, columns], undefined);
  const cuts = (["rows", "columns"] as const).map((cut) => {
    const path = join(folder, cut);
    mkdirSync(path);
    for (let rank = 0; rank < ranks; rank++) {
      const name = `shard-${String(rank + 1).padStart(5, "0")}-model-00001-of-00001.safetensors`;
      const shape = cut === "rows" ? [rows / ranks, columns] : [rows, columns / ranks];
      const offsets = cut === "rows" ? [(rank * rows) / ranks, 0] : [0, (rank * columns) / ranks];
      writeFilled(join(path, name), tensors, shape, offsets);
    }
    return { cut, path };
  });
  const threadFile = join(projectRoot, "dist/numbersThread.js");
  const threads = new ThreadPool(Math.max(1, cpus().length), threadFile);
  const scan = async (path: string) => {
    const session = await CheckpointSession.open(nodeFiles, path, () => undefined);
    // What was found is kept: each scan has memory of its own.
    const tools = { threads, cache: new NumbersCache(), reading: new PlainReading() };
    return timeOf(() => scanTensors(session, [...session.checkpoint.tensors.keys()], {}, tools));
  };
  const times = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const path of [whole, ...cuts.map((each) => each.path)])
      times.set(path, [...(times.get(path) ?? []), await scan(path)]);
  }
  const seconds = (path: string) => median(times.get(path) ?? []) / 1000;
  const total = rows * columns * 4 * tensors;
  const rate = (path: string) => `${(total / seconds(path) / 1e9).toFixed(2)} GB/s`;
  console.log(
    `Statistics of ${(total / 2 ** 30).toFixed(1)} GiB of F32 in ${tensors} tensors. Target of the share: 0.8.`,
  );
  printTable(
    ["where they lie", "rate", "share of one file"],
    [
      ["one file", rate(whole), "1.00"],
      ...cuts.map(({ cut, path }) => [
        `cut by ${cut} over ${ranks} files`,
        rate(path),
        (seconds(whole) / seconds(path)).toFixed(2),
      ]),
    ],
  );
  await threads.dispose();
}

/** Noise, the same block again and again; with `offsets` the piece of a distributed tensor. */
function writeFilled(
  path: string,
  count: number,
  shape: readonly number[],
  offsets: readonly number[] | undefined,
): void {
  const names = Array.from({ length: count }, (_, at) => `layers.${at}.weight`);
  const info = Object.fromEntries(names.map((name) => [name, { saved_offsets: offsets }]));
  const metadata =
    offsets === undefined ? undefined : { DCP_SHARDING_INFO: JSON.stringify(info), DCP_VERSION: "1.0" };
  const tensors = names.map((name) => ({ name, dtype: "F32", shape }));
  const bytes = shape.reduce((product, size) => product * size, 4);
  const block = new Float32Array(Math.min(bytes, 4 * 1024 * 1024) / 4).map(
    (_, at) => Math.sin(at * 12.9898) * 0.02,
  );
  const data = new Uint8Array(block.buffer);
  const file = openSync(path, "w");
  writeSync(file, fileHead({ tensors, metadata, align: 8 }));
  for (let left = bytes * count; left > 0; left -= data.length)
    writeSync(file, data, 0, Math.min(left, data.length));
  closeSync(file);
}

// Beside the other benches it is called, and answers the processes that it starts itself.
if (/(?:^|[\\/])distributed(?:\.ts|-\d+\.mjs)$/.test(process.argv[1] ?? "")) {
  const [first, path, what] = process.argv.slice(2);
  if (first === "first-opening" && path !== undefined && what !== undefined)
    await measureFirstOpening(path, what);
  else
    await benchDistributed(Math.max(1, Number(first ?? 5) || 5), Math.max(64, Number(path ?? 2048) || 2048));
}
