import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { benchDistributed } from "./distributed";
import { formatMs, printTable } from "./measure";
import { benchNumbers, memoryRun } from "./numbers";
import { measureFirstOpening, measureOpening } from "./openBench";
import { writeSparseModels } from "./sparseModels";
import { measureTable } from "./tableBench";
import { benchTorch } from "./torchBench";

/**
 * `npm run bench [-- ROUNDS]`: how long opening and the tensor table take (DESIGN §7), as medians, beside a
 * reference that is measured in the same run: the machines are noisy, the ratios less so.
 */
async function bench(rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
  const models = await writeSparseModels(folder);
  console.log(`Medians of ${rounds} rounds in ms; Node ${process.version}, warm file cache.\n`);
  await benchOpening(models, rounds);
  console.log("");
  await benchTable(models.deepSeek, rounds);
  console.log("");
  await benchNumbers(5, 1024);
  console.log("");
  await benchDistributed(Math.min(rounds, 5), 2048);
  console.log("");
  await benchTorch(fileURLToPath(import.meta.url), folder, Math.min(rounds, 3));
}

async function benchOpening(
  models: Awaited<ReturnType<typeof writeSparseModels>>,
  rounds: number,
): Promise<void> {
  const script = fileURLToPath(import.meta.url);
  const cases = [
    { what: "13.5 GB, 291 tensors", path: models.llama, targetMs: 40 },
    { what: "23,040 tensors", path: models.experts, targetMs: 200 },
    { what: "163 shards, 89,088 tensors", path: models.deepSeek, targetMs: 1500 },
  ];
  const rows: string[][] = [];
  for (const { what, path, targetMs } of cases) {
    const { first, again } = await measureOpening(script, path, rounds);
    rows.push([
      what,
      `${targetMs}`,
      formatMs(first.oursMs),
      formatMs(first.referenceMs),
      (first.oursMs / first.referenceMs).toFixed(1),
      formatMs(again.oursMs),
      formatMs(again.referenceMs),
      (again.oursMs / again.referenceMs).toFixed(1),
      first.grownMb.toFixed(0),
    ]);
  }
  console.log("Opening. Reference: the same header bytes read and JSON.parse. First: in a fresh process.");
  printTable(
    ["open", "target", "first", "reference", "ratio", "again", "reference", "ratio", "RSS +MB"],
    rows,
  );
}

async function benchTable(indexPath: string, rounds: number): Promise<void> {
  const rows = (await measureTable(indexPath, rounds)).map((timing) => [
    timing.what,
    timing.inWorker ? "-" : "100",
    formatMs(timing.oursMs),
    timing.reference,
    formatMs(timing.referenceMs),
    (timing.oursMs / timing.referenceMs).toFixed(1),
  ]);
  console.log("The tensor table with 89,088 rows. Without target: done once in the worker, on opening.");
  printTable(["what", "target", "ours", "reference", "takes", "ratio"], rows);
}

const [first, path, what] = process.argv.slice(2);
if (first === "first-opening" && path !== undefined && what !== undefined)
  await measureFirstOpening(path, what);
else if (first !== memoryRun) await bench(Math.max(1, Number(first ?? 9) || 9));
