/**
 * `npm run fuzz -- [COUNT] [SEED] [CLASS]`: damages the project's own files, and makes files of every kind that are wrong
 * further in; opens each. It may be refused with a CheckpointError or shown with problems; it must never crash, hang or
 * take memory, and a pickle that would run code must be told.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fuzz } from "./fuzz";
import { fuzzSamples } from "./samples";

const [count = 100_000, seed = 1] = process.argv.slice(2, 4).map(Number);
const [, , , , only = ""] = process.argv;
const start = performance.now();
const { classes, failures, slowest, mostHeap } = await fuzz(count, seed, fuzzSamples(), { only });
const seconds = (performance.now() - start) / 1000;
for (const [name, outcomes] of classes) {
  const sum = [...outcomes.values()].reduce((all, times) => all + times, 0);
  const told = [...outcomes].sort((a, b) => b[1] - a[1]).map(([outcome, times]) => `${times} ${outcome}`);
  console.log(`${sum}\t${name}: ${told.join(", ")}`);
}
for (const { what, files } of failures) {
  const kept = mkdtempSync(join(tmpdir(), "checkpoint-explorer-fuzz-"));
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(kept, path)), { recursive: true });
    writeFileSync(join(kept, path), bytes);
  }
  console.error(`FAILED: ${what}\n  kept in ${kept}`);
}
console.log(
  `${count} files in ${seconds.toFixed(0)} s (seed ${seed}); slowest ${slowest.ms.toFixed(0)} ms of the processor (${slowest.what}), ` +
    `most memory ${Math.round(mostHeap / 1e6)} MB, ${failures.length} failures`,
);
if (failures.length > 0) process.exitCode = 1;
