import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { openCheckpoint } from "../../src/core/checkpoint/openCheckpoint";
import { dtypeBits } from "../../src/core/tensors/dtype";
import { encodeValues, isWritableDtype } from "../../src/core/tensors/encode";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { compareTensorPairs } from "../../src/worker/numbers/compareTensorPairs";
import type { NumbersSource } from "../../src/worker/numbers/longPass";
import { type ScanTools, scanTensors } from "../../src/worker/numbers/scan";
import type { ThreadPool } from "../../src/worker/numbers/threadPool";
import { fileHead } from "../support/made/safetensorsFile";
import { median, printTable } from "./measure";

/** What is compared of the dtypes that few models are of, and of two that many a pair of files has. */
const pairsOfDtypes: readonly (readonly [string, string])[] = [
  ...["F64", "I64", "U64", "I32", "U32", "I16", "U16", "I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "C64"].map(
    (dtype) => [dtype, dtype] as const,
  ),
  ["F32", "BF16"],
  ["F32", "F16"],
];

/**
 * How fast threads scan and compare one tensor of each dtype, medians of rounds of which the first does not count.
 * The second file differs in every hundredth value.
 */
export async function printDtypeRates(
  folder: string,
  rounds: number,
  bytes: number,
  pools: readonly ThreadPool[],
  tools: (threads: ThreadPool) => ScanTools,
): Promise<void> {
  const rows: string[][] = [];
  for (const [a, b] of pairsOfDtypes) {
    const values = (8 * bytes) / (dtypeBits.get(a) ?? 64);
    const paths = ["a", "b"].map((side) => join(folder, `${side}-${a}-${b}.safetensors`)) as [string, string];
    const sizes = [a, b].map((dtype, at) => writeValues(paths[at] as string, dtype, values, at)) as [
      number,
      number,
    ];
    const [source, other] = (await Promise.all(
      paths.map(async (path) => ({ checkpoint: await openCheckpoint(nodeFiles, path), files: nodeFiles })),
    )) as [NumbersSource, NumbersSource];
    const row = [a === b ? a : `${a}, ${b}`];
    for (const threads of pools) {
      const [scans, comparisons]: [number[], number[]] = [[], []];
      for (let round = 0; round <= rounds; round++) {
        const starts = [performance.now()];
        for (const scanned of [source, other]) await scanTensors(scanned, [0], {}, tools(threads));
        starts.push(performance.now());
        await compareTensorPairs(source, other, [{ a: 0, b: 0 }], {}, tools(threads));
        starts.push(performance.now());
        if (round === 0) continue;
        const [first = 0, second = 0, last = 0] = starts;
        scans.push(second - first);
        comparisons.push(last - second);
      }
      const [scan, compare] = [median(scans), median(comparisons)];
      const rate = (took: number) => ((sizes[0] + sizes[1]) / took / 1e6).toFixed(2);
      row.push(rate(scan), rate(compare), (scan / compare).toFixed(2));
    }
    rows.push(row);
    for (const path of paths) rmSync(path);
  }
  console.log(`\nGB/s of two files, scanned one after the other, and compared; by 1 and by 2 threads.`);
  printTable(["dtype", "scan 1", "compare 1", "of scan", "scan 2", "compare 2", "of scan"], rows);
}

/** Writes 4 Mi values again and again. @returns how many bytes they are. */
function writeValues(path: string, dtype: string, values: number, side: number): number {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
  const units = Float64Array.from({ length: 4 * 2 ** 20 }, (_, at) => {
    const unit = (random() + random() + random() - 1.5) / 3;
    return side === 1 && at % 100 === 0 ? unit * 0.9 : unit;
  });
  const block = bytesOf(dtype, units);
  const total = (values * (dtypeBits.get(dtype) ?? 64)) / 8;
  const file = openSync(path, "w");
  writeSync(file, fileHead({ tensors: [{ name: "w", dtype, shape: [values] }], align: 8 }));
  for (let written = 0; written < total; written += block.length)
    writeSync(file, block.subarray(0, Math.min(block.length, total - written)));
  closeSync(file);
  return total;
}

/** @param units between -0.5 and 0.5; integers without a sign begin at their middle. */
function bytesOf(dtype: string, units: Float64Array): Uint8Array {
  const [float, integer] = [dtype === "C64" ? "F32" : dtype, integers[dtype]];
  if (isWritableDtype(float)) return encodeValues(units, float);
  if (integer !== undefined) return integer(units);
  return Uint8Array.from(units, (unit) => (dtype === "BOOL" ? Number(unit > 0) : 64 + unit * 100));
}

const middle = 2 ** 31;
const integers: Readonly<Record<string, (units: Float64Array) => Uint8Array>> = {
  I8: (units) => new Uint8Array(Int8Array.from(units, (unit) => unit * 2 ** 8).buffer),
  I16: (units) => new Uint8Array(Int16Array.from(units, (unit) => unit * 2 ** 15).buffer),
  U16: (units) => new Uint8Array(Uint16Array.from(units, (unit) => 2 ** 15 + unit * 2 ** 15).buffer),
  I32: (units) => new Uint8Array(Int32Array.from(units, (unit) => unit * middle).buffer),
  U32: (units) => new Uint8Array(Uint32Array.from(units, (unit) => middle + unit * middle).buffer),
  ...Object.fromEntries(
    ["I64", "U64"].map((dtype) => [
      dtype,
      (units: Float64Array) =>
        new Uint8Array(BigInt64Array.from(units, (unit) => BigInt(Math.floor((1 + unit) * middle))).buffer),
    ]),
  ),
};
