import { spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { encodingOf } from "../../src/core/analysis/numberEncoding";
import { TensorMeasurer } from "../../src/core/analysis/tensorMeasurer";
import { openCheckpoint } from "../../src/core/checkpoint/openCheckpoint";
import { findPackedCodes, PackedWeights } from "../../src/core/tensors/packed/packedWeights";
import type { ReadTensorRange } from "../../src/core/tensors/readTensorRange";
import type { Tensor } from "../../src/core/tensors/tensor";
import { WasmKernels } from "../../src/kernels/wasmKernels";
import { nodeFiles } from "../../src/worker/nodeFiles";
import type { JobFiles } from "../../src/worker/numbers/jobFiles";
import { NumbersCache } from "../../src/worker/numbers/numbersCache";
import { JobControl } from "../../src/worker/numbers/numbersJob";
import { PlainReading } from "../../src/worker/numbers/plainReading";
import { scanTensors } from "../../src/worker/numbers/scan";
import { ThreadPool } from "../../src/worker/numbers/threadPool";
import { unpackPiece } from "../../src/worker/numbers/unpackPiece";
import { fileHead } from "../support/made/safetensorsFile";
import { projectRoot } from "../support/projectRoot";
import { median, printTable } from "./measure";

const rounds = 7;
/** Until the kernels are compiled as well as they are going to be, which happens beside them. */
const warmUpRounds = 5;

/**
 * How fast one thread measures quantised weights, in stored bytes and in values, beside F32: those that are in memory, and
 * from a file in the cache of the disk as a scan does it.
 * @param folder for the file.
 */
export async function printBlockRates(folder: string): Promise<void> {
  const script = pathToFileURL(join(projectRoot, "src/kernels/compileKernels.mjs")).href;
  const { compileKernels } = (await import(script)) as typeof import("../../src/kernels/compileKernels.mjs");
  const kernels = WasmKernels.create(await compileKernels());
  if (kernels === undefined) return;
  const rows: string[][] = [];
  const blockTypes = ["Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q4_0", "IQ4_NL", "MXFP4"];
  const reference = referenceRates(blockTypes);
  const scan = new FileScan(join(folder, "blocks.safetensors"));
  for (const dtype of ["F32", ...blockTypes]) {
    const encoding = encodingOf({ dtype });
    const measurer = new TensorMeasurer(kernels, encoding);
    const length = measurer.chunkBytes;
    const noise = weightsOf(dtype, length, encoding.unitBytes);
    const rate = await rateOf(64 * length, () => {
      for (let done = 0; done < 64; done++) {
        kernels.chunk.set(noise);
        measurer.add(length);
      }
    });
    const bytesOfValue = encoding.unitBytes / (encoding.valuesPerUnit ?? 1);
    const other = reference[dtype];
    const times = other === undefined ? "" : (rate / other).toFixed(0);
    const fromFile = await scan.rate(storedOf([["w", dtype, [length / bytesOfValue], noise]]));
    rows.push([dtype, gigabytes(rate), gigabytes(rate / bytesOfValue), gigabytes(fromFile), times]);
  }
  for (const { name, stored } of [fp8Blocks(), nf4(), mxfp4()]) {
    const bytes = stored.reduce((sum, { tensor }) => sum + tensor.byteSize, 0);
    const files = memoryFiles(stored);
    const tensors = stored.map(({ tensor }) => tensor);
    const weight = await new PackedWeights(tensors, {}).of(tensors[0] as Tensor, files.readRange);
    const count = weight?.shape[0] ?? 0;
    const rate = await rateOf(bytes, () =>
      unpackPiece(
        files,
        { stored: tensors, firstRow: 0, rows: count, bytes, isWhole: true },
        {},
        kernels,
        JobControl.create(),
      ),
    );
    const fromFile = await scan.rate(stored);
    rows.push([name, gigabytes(rate), gigabytes((rate * count * columns) / bytes), gigabytes(fromFile), ""]);
  }
  await scan.close();
  console.log(
    "One thread, stored bytes, by processor time. Where a value has few bits, what limits is values a second and " +
      "not bytes: F32 in memory is counted and added up at that rate too.",
  );
  printTable(["Type", "GB/s in memory", "G values/s", "GB/s of a scan", "× gguf-py"], rows);
}

/** Bytes of a file that is scanned: enough that what a scan needs once does not count. */
const fileBytes = 2 ** 29;

/** Scans files of one thread, whatever it is that they hold. */
class FileScan {
  private readonly threads = new ThreadPool(1, join(projectRoot, "dist/numbersThread.js"));

  constructor(private readonly path: string) {}

  /** Of stored bytes a second. What is one tensor is repeated until the file is full; parts of a weight stand as they are. */
  async rate(stored: readonly StoredBytes[]): Promise<number> {
    const [only] = stored.length === 1 ? stored : [];
    const repeats = only === undefined ? 1 : Math.floor(fileBytes / only.data.length);
    const bytes = repeats * stored.reduce((sum, { data }) => sum + data.length, 0);
    const file = openSync(this.path, "w");
    // A type of GGUF is none of safetensors: its bytes are put down as such, and named below.
    const tensors = stored.map(({ tensor, data }) =>
      only === undefined ? tensor : { name: tensor.name, dtype: "U8", shape: [repeats * data.length] },
    );
    writeSync(file, fileHead({ tensors, align: 8 }));
    for (let written = 0; written < repeats; written++) for (const { data } of stored) writeSync(file, data);
    closeSync(file);
    const opened = await openCheckpoint(nodeFiles, this.path);
    const checkpoint =
      only === undefined
        ? opened
        : {
            ...opened,
            tensors: opened.tensors.map((tensor) => ({
              ...tensor,
              dtype: only.tensor.dtype,
              shape: only.tensor.shape.map((size) => repeats * size),
            })),
          };
    const source = { checkpoint, files: nodeFiles };
    const packed =
      only === undefined
        ? await findPackedCodes(checkpoint.tensors, {}, memoryFiles(stored).readRange)
        : undefined;
    const rate = await rateOf(bytes, () =>
      scanTensors(
        source,
        checkpoint.tensors.map((_, at) => at),
        packed === undefined ? {} : { packed },
        {
          threads: this.threads,
          cache: new NumbersCache(),
          reading: new PlainReading(),
        },
      ),
    );
    rmSync(this.path);
    return rate;
  }

  close(): Promise<void> {
    return this.threads.dispose();
  }
}

/** Stored bytes a second of gguf-py and numpy; empty where the Python that PYTHON names has no gguf. */
function referenceRates(dtypes: readonly string[]): Readonly<Record<string, number>> {
  const script = join(projectRoot, "test/bench/blocksReference.py");
  const python = process.env.PYTHON ?? "python3";
  const { stdout, status } = spawnSync(python, [script, ...dtypes], { encoding: "utf8" });
  return status === 0 ? (JSON.parse(stdout) as Record<string, number>) : {};
}

const [weightRows, columns] = [4096, 4096];

interface StoredBytes {
  readonly tensor: Tensor;
  readonly data: Uint8Array;
}

function nf4(): { readonly name: string; readonly stored: readonly StoredBytes[] } {
  const count = weightRows * columns;
  const state = new TextEncoder().encode(
    JSON.stringify({ quant_type: "nf4", blocksize: 64, dtype: "bfloat16", shape: [weightRows, columns] }),
  );
  const scales = Float32Array.from({ length: count / 64 }, (_, at) => 0.05 + 0.001 * (at % 47));
  const map = Float32Array.from({ length: 16 }, (_, code) => (code - 8) / 8);
  return {
    name: "NF4, blocks of 64",
    stored: storedOf([
      ["w", "U8", [count / 2, 1], noiseOf(count / 2)],
      ["w.absmax", "F32", [scales.length], new Uint8Array(scales.buffer)],
      ["w.quant_map", "F32", [16], new Uint8Array(map.buffer)],
      ["w.quant_state.bitsandbytes__nf4", "U8", [state.length], state],
    ]),
  };
}

/** As DeepSeek writes it. */
function fp8Blocks(): { readonly name: string; readonly stored: readonly StoredBytes[] } {
  const scales = Float32Array.from(
    { length: (weightRows * columns) / 128 ** 2 },
    (_, at) => 1e-4 * (1 + (at % 5)),
  );
  return {
    name: "FP8, blocks of 128 × 128",
    stored: storedOf([
      ["w.weight", "F8_E4M3", [weightRows, columns], noiseOf(weightRows * columns)],
      ["w.weight_scale_inv", "F32", [weightRows / 128, columns / 128], new Uint8Array(scales.buffer)],
    ]),
  };
}

function mxfp4(): { readonly name: string; readonly stored: readonly StoredBytes[] } {
  const groups = (weightRows * columns) / 32;
  return {
    name: "MXFP4 of gpt-oss",
    stored: storedOf([
      ["w_blocks", "U8", [weightRows, columns / 32, 16], noiseOf(groups * 16)],
      [
        "w_scales",
        "U8",
        [weightRows, columns / 32],
        Uint8Array.from({ length: groups }, (_, at) => 119 + (at % 5)),
      ],
    ]),
  };
}

function storedOf(
  parts: readonly (readonly [name: string, dtype: string, shape: readonly number[], data: Uint8Array])[],
): readonly StoredBytes[] {
  let offset = 0;
  return parts.map(([name, dtype, shape, data]) => {
    const tensor = { name, dtype, shape, byteSize: data.length, offset, fileIndex: 0 };
    offset += data.length;
    return { tensor, data };
  });
}

/** What a thread reads of, without a disk. */
function memoryFiles(stored: readonly StoredBytes[]): JobFiles {
  const read = (_file: number, offset: number, target: Uint8Array, length: number) => {
    const { tensor, data } = stored.findLast(({ tensor }) => tensor.offset <= offset) as StoredBytes;
    target.set(data.subarray(offset - tensor.offset, offset - tensor.offset + length));
    return undefined;
  };
  const readRange: ReadTensorRange = async (tensor, offset, length) => {
    const target = new Uint8Array(length);
    read(0, tensor.offset + offset, target, length);
    return target;
  };
  return { read, readRange } as unknown as JobFiles;
}

/** Where a block has its scales, of F16; that of MXFP4 is a byte. */
const scalesAt: Readonly<Record<string, readonly number[]>> = {
  Q8_0: [0],
  Q6_K: [208],
  Q5_K: [0, 2],
  Q4_K: [0, 2],
  Q4_0: [0],
  IQ4_NL: [0],
};

/** Random codes, with scales that are of about one size as those of a layer are; F32 of such a size. */
function weightsOf(dtype: string, length: number, unitBytes: number): Uint8Array {
  const bytes = noiseOf(length);
  const view = new DataView(bytes.buffer);
  for (let at = 0, random = 1; at + unitBytes <= length; at += unitBytes) {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    const unit = random / 2 ** 32;
    if (dtype === "F32") view.setFloat32(at, 0.05 * Math.tan(1.4 * (2 * unit - 1)), true);
    // From 2⁻¹⁴ to 2⁻¹³.
    for (const place of scalesAt[dtype] ?? [])
      view.setUint16(at + place, 0x0400 + Math.floor(1024 * unit), true);
    if (dtype === "Q4_K" || dtype === "Q5_K") {
      // Steps are from half of what a block has as its unit to all of it, and codes of about 7 mean zero.
      for (let place = at + 4; place < at + 12; place++)
        bytes[place] = 0xa0 | ((bytes[place] as number) & 15);
      view.setUint16(at + 2, 0x0400 + 0x0bc0 + Math.floor(1024 * unit), true);
    }
    if (dtype === "MXFP4") bytes[at] = 118 + Math.floor(6 * unit);
  }
  return bytes;
}

function noiseOf(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

async function rateOf(bytes: number, work: () => unknown): Promise<number> {
  const rates: number[] = [];
  for (let round = 0; round < warmUpRounds; round++) await work();
  for (let round = 0; round < rounds; round++) {
    // By the processor's time: what else the machine does shall not count.
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    rates.push(bytes / ((user + system) / 1e6));
  }
  return median(rates);
}

function gigabytes(rate: number): string {
  return (rate / 1e9).toFixed(2);
}
