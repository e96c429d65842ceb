import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findAdapter } from "../../src/core/adapter/adapter";
import type { LoraModule } from "../../src/core/adapter/loraModule";
import { Comparison } from "../../src/core/compare/comparison";
import { gramOfRows } from "../../src/core/linalg/gram";
import { storedMatrix } from "../../src/core/linalg/matrix";
import { CheckpointSession } from "../../src/core/session/checkpointSession";
import { elementCount, type Tensor } from "../../src/core/tensors/tensor";
import type { ReadTensor } from "../../src/core/update/factors";
import { measureModule } from "../../src/core/update/measureModule";
import { useFastProducts } from "../../src/worker/fastProducts";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { NumbersPool } from "../../src/worker/numbers/numbersPool";
import { projectRoot } from "../support/projectRoot";
import { formatMs, median, printTable } from "./measure";

/** One layer of a 7B model: q, k, v, o, gate, up, down as out×in. */
const layer: readonly (readonly [string, number, number])[] = [
  ["self_attn.q_proj", 4096, 4096],
  ["self_attn.k_proj", 4096, 4096],
  ["self_attn.v_proj", 4096, 4096],
  ["self_attn.o_proj", 4096, 4096],
  ["mlp.gate_proj", 11008, 4096],
  ["mlp.up_proj", 11008, 4096],
  ["mlp.down_proj", 4096, 11008],
];
const layers = 32;

/** Layers that have memory of their own: the rest would only fill the machine with random numbers. */
const distinctLayers = 4;

/** An adapter over all linear layers of a 7B model, its factors as F32 bytes in memory. */
export function adapterInMemory(rank: number): {
  readonly modules: readonly LoraModule[];
  readonly read: ReadTensor;
} {
  const bytes = new Map<string, Uint8Array>();
  const tensors: Tensor[] = [];
  for (let index = 0; index < layers; index++) {
    for (const [name, rows, cols] of layer) {
      const add = (factor: string, shape: readonly [number, number]) => {
        const path = `base_model.model.model.layers.${index}.${name}.${factor}.weight`;
        tensors.push({
          name: path,
          dtype: "F32",
          shape,
          byteSize: 4 * elementCount(shape),
          offset: 0,
          fileIndex: 0,
        });
        const shared = `base_model.model.model.layers.${index % distinctLayers}.${name}.${factor}.weight`;
        bytes.set(path, bytes.get(shared) ?? randomBytes(elementCount(shape)));
      };
      add("lora_A", [rank, cols]);
      add("lora_B", [rows, rank]);
    }
  }
  const adapter = findAdapter(tensors, undefined, new Map());
  if (adapter === undefined) throw new Error("The bench's own adapter was not recognised.");
  return { modules: adapter.modules, read: async ({ name }) => bytes.get(name) as Uint8Array };
}

function randomBytes(count: number): Uint8Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = Math.random() + Math.random() + Math.random() - 1.5;
  return new Uint8Array(values.buffer);
}

interface TorchTimes {
  readonly qrMs: number;
  readonly gramMs: number;
  readonly denseMs?: number;
  readonly torch: string;
}

/** Undefined where there is no torch to ask. */
function torchTimes(rank: number, rounds: number, denseSize?: number): TorchTimes | undefined {
  const script = join(projectRoot, "test/bench/loraReference.py");
  const sizes = denseSize === undefined ? [] : ["7", `${denseSize}`];
  const { status, stdout } = spawnSync(
    process.env.PYTHON ?? "/usr/bin/python3",
    [script, `${rank}`, `${rounds}`, ...sizes],
    {
      encoding: "utf8",
      env: { ...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" },
      maxBuffer: 1 << 20,
    },
  );
  return status === 0 ? (JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as TorchTimes) : undefined;
}

/**
 * Which time is left when all but the Gram matrices costs nothing: their products at the rate that the kernels have over
 * factors in the cache, in ms, and that rate.
 */
function roofline(rank: number): { readonly leastMs: number; readonly rate: number } {
  const size = 4096;
  const factor = storedMatrix(rank, size, new Float32Array(randomBytes(rank * size).buffer));
  const flops = (length: number) => length * rank * (rank + 1);
  const repeats = Math.ceil(2e8 / flops(size));
  let rate = 0;
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage();
    for (let repeat = 0; repeat < repeats; repeat++) gramOfRows(factor);
    const { user, system } = process.cpuUsage(before);
    rate = Math.max(rate, (repeats * flops(size)) / ((user + system) / 1e6));
  }
  const lengths = layer.reduce((sum, [, rows, cols]) => sum + rows + cols, 0) * layers;
  return { leastMs: (1000 * flops(lengths)) / rate, rate };
}

async function measureAll(rank: number): Promise<() => Promise<void>> {
  const { modules, read } = adapterInMemory(rank);
  return async () => {
    for (const module of modules) await measureModule(module, read);
  };
}

/** Processor time in ms: what the work costs, whatever else the machine does meanwhile. */
async function processorTimeOf(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** `npm run bench`'s part about adapters: every metric of 224 modules, against torch on one thread. */
export async function benchLora(rounds: number, part?: string): Promise<void> {
  useFastProducts();
  if (part === undefined || part === "measure") await benchOneThread(rounds);
  if (part === undefined || part === "threads") await benchThreads(rounds);
  if (part === undefined || part === "dense") await benchDense();
}

async function benchOneThread(rounds: number): Promise<void> {
  const rows: string[][] = [];
  for (const rank of [16, 64]) {
    const work = await measureAll(rank);
    const first = await processorTimeOf(work);
    const times: number[] = [];
    for (let round = 0; round < Math.min(rounds, rank === 16 ? 9 : 3); round++) {
      times.push(await processorTimeOf(work));
    }
    const ours = median(times);
    const torch = torchTimes(rank, rank === 16 ? 3 : 1);
    const { leastMs, rate } = roofline(rank);
    rows.push([
      `224 modules, r = ${rank}`,
      `${formatMs(leastMs)} at ${(rate / 1e9).toFixed(1)} GF/s`,
      formatMs(first),
      formatMs(ours),
      torch === undefined ? "-" : formatMs(torch.qrMs),
      torch === undefined ? "-" : formatMs(torch.gramMs),
      torch === undefined ? "-" : (ours / torch.qrMs).toFixed(2),
    ]);
  }
  console.log(
    "Metrics of a 7B adapter on one thread, F32 bytes in memory, decoding included (ms of processor time).",
  );
  printTable(["what", "Gram alone, f64", "first", "ours", "torch QR", "torch Gram f32", "ours / QR"], rows);
}

/** Processor time of this thread alone in ms; 0 where the host does not tell it. */
function mainMs(): number {
  const { threadCpuUsage } = process as { threadCpuUsage?: () => NodeJS.CpuUsage };
  const { user, system } = threadCpuUsage?.call(process) ?? { user: 0, system: 0 };
  return (user + system) / 1000;
}

/** The same modules from a file, as the editor measures and compares them, with one thread and with two. */
async function benchThreads(rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-lora-"));
  const threadFile = join(projectRoot, "dist/numbersThread.js");
  const rows: string[][] = [];
  const timed = async (what: string, work: (pool: NumbersPool) => Promise<unknown>, times: number) => {
    const found: number[] = [];
    const processor: number[] = [];
    let ofMain = 0;
    for (const threads of [1, 2]) {
      const pool = new NumbersPool({ threads, threadFile });
      await work(pool);
      const each: number[] = [];
      const took: number[] = [];
      const tookMain: number[] = [];
      for (let round = 0; round < times; round++) {
        const [start, before] = [performance.now(), mainMs()];
        took.push(await processorTimeOf(async () => void (await work(pool))));
        tookMain.push(mainMs() - before);
        each.push(performance.now() - start);
      }
      ofMain = median(tookMain);
      await pool.dispose();
      found.push(median(each));
      processor.push(median(took));
    }
    const [one = 0, two = 0] = found;
    const [alone = 0, both = 0] = processor;
    // Whether this thread works before the others or beside them.
    const least = Math.min(alone / (ofMain + (both - ofMain) / 2), (alone - ofMain) / (both / 2));
    const ofProcessor = `${processor.map(formatMs).join(" / ")}, ${formatMs(ofMain)}`;
    rows.push([what, formatMs(one), formatMs(two), (one / two).toFixed(2), ofProcessor, least.toFixed(2)]);
  };
  try {
    for (const rank of [16, 64]) {
      const path = writeAdapter(folder, rank, 0);
      await timed(
        `measure ${layers * layer.length} modules, r = ${rank}`,
        async (pool) => {
          const session = await CheckpointSession.open(nodeFiles, path, () => undefined);
          const measure = pool.measureModules(session);
          await session.lora(undefined, { measure });
        },
        Math.min(rounds, rank === 16 ? 15 : 5),
      );
    }
    const paths = Array.from({ length: 8 }, (_, index) => writeAdapter(folder, 16, index));
    await timed(
      "compare 8 snapshots, r = 16",
      (pool) =>
        Comparison.compute(nodeFiles, paths, () => undefined, { compareModules: pool.compareModules() }),
      1,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
  console.log(
    "\nFrom a file in the cache of the disk, by dist/ (ms of wall time; the second run and later).",
  );
  printTable(
    ["what", "1 thread", "2 threads", "ratio", "processor time, of main", "ratio on idle cores"],
    rows,
  );
}

/** Snapshots of one number differ from those of another everywhere. */
function writeAdapter(folder: string, rank: number, number: number): string {
  const path = join(folder, `r${rank}-${number}.safetensors`);
  const header: Record<string, object> = {};
  const lengths: number[] = [];
  let end = 0;
  for (let index = 0; index < layers; index++) {
    for (const [name, rows, cols] of layer) {
      for (const [factor, shape] of [
        ["A", [rank, cols]],
        ["B", [rows, rank]],
      ] as const) {
        const length = 4 * elementCount(shape);
        const tensor = `base_model.model.model.layers.${index}.${name}.lora_${factor}.weight`;
        header[tensor] = { dtype: "F32", shape, data_offsets: [end, end + length] };
        lengths.push(length);
        end += length;
      }
    }
  }
  const text = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(text.length));
  const file = openSync(path, "w");
  writeSync(file, start);
  writeSync(file, text);
  const some = new Map<number, Uint8Array>();
  for (const length of lengths) {
    if (!some.has(length)) some.set(length, randomBytes(length / 4));
    writeSync(file, some.get(length) as Uint8Array, 0, length);
  }
  closeSync(file);
  return path;
}

/** What kohya's tools did until 2025: form ΔW and decompose it whole. */
async function benchDense(): Promise<void> {
  const size = 2048;
  const { modules, read } = adapterInMemory(16);
  const torch = torchTimes(16, 1, size);
  if (torch?.denseMs === undefined) return;
  const layerModules = modules.slice(0, layer.length);
  const work = async () => {
    for (const module of layerModules) await measureModule(module, read);
  };
  await processorTimeOf(work);
  const ours = (await processorTimeOf(work)) / layerModules.length;
  console.log(
    `\nOne module: ours ${formatMs(ours)} ms on average of a 7B layer's; full SVD of ${size} × ${size} in torch ` +
      `${torch.torch}: ${formatMs(torch.denseMs)} ms (${Math.round(torch.denseMs / ours)} times as long, for less).`,
  );
}

// `npm run bench:lora -- ROUNDS PART`, with `measure`, `threads` or `dense` for one part alone.
if (process.argv[1]?.endsWith("lora.ts"))
  await benchLora(Math.max(1, Number(process.argv[2] ?? 9) || 9), process.argv[3]);
