import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint } from "../../src/core/checkpoint/openCheckpoint";
import { scannedFiles } from "../../src/core/report/scan/partFile";
import { encodeScan } from "../../src/core/report/scan/scanFile";
import { tensorsOfPart } from "../../src/core/report/scan/scanShare";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { toolVersion } from "../../src/worker/toolVersion";
import { fileHead } from "../support/made/safetensorsFile";
import { projectRoot } from "../support/projectRoot";
import { someStatistics } from "../support/someStatistics";
import { printTable, timeOf } from "./measure";
import { writeSparseModels } from "./sparseModels";

/**
 * `npm run bench:parts [-- MIB]`: whether a scan and a comparison in 8 parts say byte for byte what one process says,
 * of files of MIB (2048) each; and what is to be expected of many nodes, simulated over shares, starts and joins that
 * are measured here. Needs a build.
 */
async function benchParts(mebibytes: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-parts-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
  console.log(`${cpus().length} processors, ${cpus()[0]?.model}; load ${loadavg()[0]?.toFixed(1)}\n`);
  compareWithSingle(folder, mebibytes * 2 ** 20);
  console.log("");
  await simulate(folder);
}

function cli(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(projectRoot, "dist/cli.js"), ...args],
    {
      encoding: "utf8",
      maxBuffer: 2 ** 30,
    },
  );
  if (status !== 0)
    throw new Error(`${args.join(" ")} ended with ${status}: ${stdout.slice(0, 500)}${stderr}`);
  return stdout;
}

const parts = 8;

function compareWithSingle(folder: string, bytes: number): void {
  const [a, b] = [join(folder, "a.safetensors"), join(folder, "b.safetensors")];
  writeMixed(a, bytes, 0);
  writeMixed(b, bytes, 1);
  const shares = Array.from({ length: parts }, (_, at) => `${at + 1}/${parts}`);
  const scanned = join(folder, "scan");
  for (const part of shares) cli("scan", a, "--sha256", "--part", part, "--out", scanned);
  cli("scan", "--join", scanned);
  cli("scan", a, "--sha256", "--out", join(folder, "whole"));
  const read = (of: string) => readFileSync(join(of, "scan.json"));
  const sameScan = read(scanned).equals(read(join(folder, "whole")));
  const compared = join(folder, "compare");
  for (const part of shares) cli("compare", a, b, "--part", part, "--out", compared);
  const sameCompare = cli("compare", a, b, "--join", compared, "--json") === cli("compare", a, b, "--json");
  const says = (same: boolean) => (same ? "the same, byte for byte" : "OTHERWISE");
  console.log(`${parts} parts joined against one process, ${bytes / 2 ** 20} MiB of F32, BF16 and F16:`);
  console.log(`  scan with hashes: ${says(sameScan)}; compare: ${says(sameCompare)}`);
  if (!sameScan || !sameCompare) process.exitCode = 1;
  for (const path of [a, b]) rmSync(path);
}

/** Tensors of three dtypes and many sizes; every code but those of NaN and infinity. */
function writeMixed(path: string, bytes: number, seed: number): void {
  const block = new Uint16Array(2 ** 19);
  for (let at = 0; at < block.length; at++) block[at] = (at * 40_503 + seed * (at % 7)) & 0xbbff;
  const data = new Uint8Array(block.buffer);
  const count = 61;
  const tensors = Array.from({ length: count }, (_, at) => {
    const dtype = ["F32", "BF16", "F16"][at % 3] as string;
    const rows = Math.max(1, Math.floor(((bytes / data.length / count) * 2 * (at + 1)) / count));
    return {
      name: `layers.${at}.weight`,
      dtype,
      shape: [rows, data.length / (dtype === "F32" ? 4 : 2)],
      rows,
    };
  });
  const file = openSync(path, "w");
  writeSync(file, fileHead({ tensors, align: 8 }));
  for (const { rows } of tensors) for (let row = 0; row < rows; row++) writeSync(file, data);
  closeSync(file);
}

const gigabyte = 1e9;
/** What one node measures where its disk is no limit, on two threads (`npm run bench:numbers`). */
const scanBytesPerSecond = 8.4 * gigabyte;

async function simulate(folder: string): Promise<void> {
  const { deepSeek } = await writeSparseModels(folder);
  const checkpoint = await openCheckpoint(nodeFiles, deepSeek);
  const { tensors } = checkpoint;
  const total = tensors.reduce((sum, { byteSize }) => sum + byteSize, 0);
  // A share of nothing: start, opening, sharing out and writing are what is left.
  const startMs = await timeOf(() =>
    cli("scan", deepSeek, "--part", "999983/999983", "--out", join(folder, "none")),
  );
  const files = await scannedFiles(checkpoint, (path) => nodeFiles.stat(path));
  const stats = someStatistics({ mean: 1 / 3, std: Math.PI });
  const rows: string[][] = [];
  for (const count of [1, 8, 64, 512]) {
    const out = join(folder, `nodes-${count}`);
    mkdirSync(out);
    const shares = Array.from({ length: count }, (_, at) =>
      tensorsOfPart(tensors, { number: at + 1, count }),
    );
    const width = Math.max(3, String(count).length);
    for (const [at, indexes] of shares.entries()) {
      const found = [...indexes]
        .sort((a, b) => a - b)
        .map((index) => ({ index, name: tensors[index]?.name ?? "", values: { stats } }));
      const text = encodeScan({
        version: toolVersion,
        files,
        tensorCount: tensors.length,
        part: { number: at + 1, count },
        sha256: false,
        tensors: found,
        changedFiles: [],
      });
      const digits = (value: number) => String(value).padStart(width, "0");
      writeFileSync(join(out, `part-${digits(at + 1)}-of-${digits(count)}.scan.json`), text);
    }
    const joinMs = await timeOf(() => cli("scan", "--join", out));
    const bytes = shares.map((share) =>
      share.reduce((sum, index) => sum + (tensors[index]?.byteSize ?? 0), 0),
    );
    const largest = Math.max(...bytes);
    const times = [0.2, 1, 5].map((rate) => {
      const reading = largest / Math.min(rate * gigabyte, scanBytesPerSecond);
      return `${(startMs / 1000 + reading + joinMs / 1000).toFixed(0)} s`;
    });
    const limit = largest / (joinMs / 1000) / gigabyte;
    rows.push([
      `${count}`,
      ...times,
      ((largest * count) / total).toFixed(3),
      (joinMs / 1000).toFixed(2),
      limit > scanBytesPerSecond / gigabyte ? "never" : `${limit.toFixed(1)} GB/s`,
    ]);
  }
  console.log(
    `A scan of ${tensors.length} tensors, ${(total / gigabyte).toFixed(0)} GB, by many nodes: start and opening ${(startMs / 1000).toFixed(2)} s`,
    "and joining measured here, reading simulated. A node measures 8.4 GB/s at most, whatever it can read.",
  );
  printTable(
    [
      "nodes",
      "0.2 GB/s a node",
      "1 GB/s",
      "5 GB/s",
      "largest share / mean",
      "join s",
      "joining takes longer from",
    ],
    rows,
  );
}

await benchParts(Math.max(16, Number(process.argv[2] ?? 2048) || 2048));
