import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findAdapter } from "../../src/core/adapter/adapter";
import type { LoraModule } from "../../src/core/adapter/loraModule";
import { Comparison } from "../../src/core/compare/comparison";
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
  const { status, stdout } = spawnSync("/usr/bin/python3", [script, `${rank}`, `${rounds}`, ...sizes], {
    encoding: "utf8",
    env: { ...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" },
    maxBuffer: 1 << 20,
  });
  return status === 0 ? (JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as TorchTimes) : undefined;
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
export async function benchLora(rounds: number): Promise<void> {
  useFastProducts();
  const rows: string[][] = [];
  for (const [rank, target] of [
    [16, "500"],
    [64, "-"],
  ] as const) {
    const work = await measureAll(rank);
    const first = await processorTimeOf(work);
    const times: number[] = [];
    for (let round = 0; round < Math.min(rounds, rank === 16 ? 9 : 3); round++) {
      times.push(await processorTimeOf(work));
    }
    const ours = median(times);
    const torch = torchTimes(rank, rank === 16 ? 3 : 1);
    rows.push([
      `224 modules, r = ${rank}`,
      target,
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
  printTable(["what", "target", "first", "ours", "torch QR", "torch Gram f32", "ours / QR"], rows);
  await benchThreads(rounds);
  await benchDense();
}

/** The same modules from a file, as the editor measures and compares them, with one thread and with two. */
async function benchThreads(rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-lora-"));
  const threadFile = join(projectRoot, "dist/numbersThread.js");
  const rows: string[][] = [];
  const timed = async (what: string, work: (pool: NumbersPool) => Promise<unknown>, times: number) => {
    const found: number[] = [];
    for (const threads of [1, 2]) {
      const pool = new NumbersPool({ threads, threadFile });
      await work(pool);
      const each: number[] = [];
      for (let round = 0; round < times; round++) {
        const start = performance.now();
        await work(pool);
        each.push(performance.now() - start);
      }
      await pool.dispose();
      found.push(median(each));
    }
    const [one = 0, two = 0] = found;
    rows.push([what, formatMs(one), formatMs(two), (one / two).toFixed(2)]);
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
        Math.min(rounds, 3),
      );
    }
    const paths = Array.from({ length: 8 }, (_, index) => writeAdapter(folder, 16, index));
    await timed(
      "compare 8 snapshots, r = 16",
      (pool) =>
        Comparison.compute(nodeFiles, paths, () => undefined, { compareModules: pool.compareModules(paths) }),
      1,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
  console.log(
    "\nFrom a file in the cache of the disk, by dist/ (ms of wall time; the second run and later).",
  );
  printTable(["what", "1 thread", "2 threads", "ratio"], rows);
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

if (process.argv[1]?.endsWith("lora.ts")) await benchLora(Math.max(1, Number(process.argv[2] ?? 9) || 9));
