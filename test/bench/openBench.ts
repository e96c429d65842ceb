import { fork } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { mapParallel } from "../../src/core/bytes/mapParallel";
import { openCheckpoint } from "../../src/core/checkpoint/openCheckpoint";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { compareTimes, median, type Timing, timeOf } from "./measure";

/** What a fresh process measures of one opening. */
export interface FirstOpening {
  readonly oursMs: number;
  readonly referenceMs: number;
  /** How far memory grew beyond what the process had, at its highest. */
  readonly grownMb: number;
  readonly tensors: number;
}

export interface OpeningTimes {
  /** In a process that opens its first file: nothing is compiled yet, as for the user's first click. */
  readonly first: FirstOpening;
  readonly again: Timing;
}

/** The least that any reader in JavaScript must do: read the same header bytes and parse them. */
async function readHeadersOnly(path: string): Promise<void> {
  if (!path.endsWith(".index.json")) return readHeaderOnly(path);
  const index = JSON.parse(await readFile(path, "utf8")) as { weight_map: Record<string, string> };
  const shards = [...new Set(Object.values(index.weight_map))];
  await mapParallel(shards, 16, (shard) => readHeaderOnly(join(dirname(path), shard)));
}

async function readHeaderOnly(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    const length = Buffer.alloc(8);
    await file.read(length, 0, 8, 0);
    const header = Buffer.alloc(Number(length.readBigUInt64LE()));
    await file.read(header, 0, header.length, 8);
    JSON.parse(header.toString("utf8"));
  } finally {
    await file.close();
  }
}

/** The other side of `measureOpening`: runs in a process of its own. */
export async function measureFirstOpening(path: string, what: string): Promise<void> {
  const before = process.memoryUsage.rss();
  const used = process.cpuUsage();
  let tensors = 0;
  const ms = await timeOf(async () => {
    if (what === "reference") await readHeadersOnly(path);
    else tensors = (await openCheckpoint(nodeFiles, path)).tensors.length;
  });
  const grownMb = (process.resourceUsage().maxRSS * 1024 - before) / 1e6;
  const { user, system } = process.cpuUsage(used);
  process.send?.({ ms, grownMb, processorMs: (user + system) / 1000, tensors });
}

export interface Answer {
  readonly ms: number;
  readonly grownMb: number;
  /** Of all its threads, however busy the machine is with others. */
  readonly processorMs: number;
  readonly tensors: number;
}

function inFreshProcess(script: string, path: string, what: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = fork(script, ["first-opening", path, what]);
    child.on("message", (answer) => resolve(answer as Answer));
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`The measuring process ended with ${code}`)));
  });
}

/** What opening a file takes in a process that opens its first. */
export function openInFreshProcess(script: string, path: string): Promise<Answer> {
  return inFreshProcess(script, path, "ours");
}

export async function measureOpening(script: string, path: string, rounds: number): Promise<OpeningTimes> {
  const ours: Answer[] = [];
  const reference: Answer[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(await inFreshProcess(script, path, "ours"));
    reference.push(await inFreshProcess(script, path, "reference"));
  }
  const first = {
    oursMs: median(ours.map(({ ms }) => ms)),
    referenceMs: median(reference.map(({ ms }) => ms)),
    grownMb: median(ours.map(({ grownMb }) => grownMb)),
    tensors: ours[0]?.tensors ?? 0,
  };
  const open = () => openCheckpoint(nodeFiles, path);
  return { first, again: await compareTimes(open, () => readHeadersOnly(path), rounds) };
}
