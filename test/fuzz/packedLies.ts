import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Checkpoint } from "../../src/core/checkpoint/checkpoint";
import { TensorReader } from "../../src/core/checkpoint/tensorReader";
import { GgufNames } from "../../src/core/names/ggufNames";
import { CheckpointError } from "../../src/core/problem/checkpointError";
import { ggufTwins } from "../../src/core/tensors/packed/ggufTwins";
import { rowsOf } from "../../src/core/tensors/packed/packedWeight";
import { findPackedCodes } from "../../src/core/tensors/packed/packedWeights";
import { bitsOf } from "../support/made/safetensorsFile";
import type { MemoryFiles } from "../support/memoryFiles";
import { projectRoot } from "../support/projectRoot";
import type { Random } from "./mutate";
import type { Made } from "./structured";

/** Weights that one row of is read; a row of more values is refused by who measures it. */
const longestRow = 1 << 22;

interface Entry {
  dtype: string;
  shape: number[];
  readonly data_offsets: readonly [number, number];
}

const file = new Uint8Array(readFileSync(join(projectRoot, "test/fixtures/packed/weights.safetensors")));
const headerBytes = Number(new DataView(file.buffer).getBigUint64(0, true));
const header: Readonly<Record<string, Entry>> = JSON.parse(
  new TextDecoder().decode(file.subarray(8, 8 + headerBytes)),
);

/**
 * Packed weights whose header lies in ways that a reader of the file cannot see: codes and scales of other shapes and
 * dtypes of as many bytes, under each other's names, and settings that say anything.
 */
export function packedLie(random: Random): Made {
  const { entries, data } = someWeights(random);
  const names = Object.keys(entries);
  for (let lies = 1 + random.below(4); lies > 0; lies--) {
    const name = random.of(names);
    const entry = entries[name] as Entry;
    const [start, end] = entry.data_offsets;
    switch (random.below(4)) {
      case 0:
        entry.shape = otherShape(entry.shape, random);
        break;
      case 1: {
        const bits = bitsOf[entry.dtype] ?? 8;
        const dtypes = Object.keys(bitsOf).filter((dtype) => bitsOf[dtype] === bits);
        entry.dtype = random.of(dtypes);
        break;
      }
      case 2: {
        const other = random.of(names);
        [entries[name], entries[other]] = [entries[other] as Entry, entry];
        break;
      }
      default:
        for (let at = start; at < end; at++) if (random.below(12) === 0) data[at] = random.of(digits);
    }
  }
  const text = new TextEncoder().encode(JSON.stringify(entries));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return { files: { "/f/model.safetensors": bytes }, path: "/f/model.safetensors" };
}

/** Few weights at a time: each takes a look. */
const weightsOfLie = 3;

function someWeights(random: Random): { readonly entries: Record<string, Entry>; readonly data: Uint8Array } {
  const moduleOf = (name: string) => name.split(/[._]/, 1)[0] as string;
  const modules = [...new Set(Object.keys(header).map(moduleOf))];
  const chosen = new Set(Array.from({ length: weightsOfLie }, () => random.of(modules)));
  const entries: Record<string, Entry> = {};
  const parts: number[] = [];
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [start, end],
    },
  ] of Object.entries(header)) {
    if (!chosen.has(moduleOf(name))) continue;
    entries[name] = { dtype, shape: [...shape], data_offsets: [parts.length, parts.length + end - start] };
    parts.push(...file.subarray(8 + headerBytes + start, 8 + headerBytes + end));
  }
  return { entries, data: Uint8Array.from(parts) };
}

const digits = [0x30, 0x39, 0x2d, 0x65, 0x00, 0xff, 0x7f, 0x80];

function otherShape(shape: readonly number[], random: Random): number[] {
  const count = shape.reduce((product, size) => product * size, 1);
  const divisors = Array.from({ length: Math.min(count, 4096) }, (_, at) => at + 1).filter(
    (each) => count % each === 0,
  );
  const first = random.of(divisors.length === 0 ? [1] : divisors);
  return random.of([
    [count],
    [first, count / first],
    [1, first, count / first],
    [first, 1, 1, count / first],
  ]);
}

/** Reads the first and the last row of what is packed, and of what a converter changed. */
export async function readWeights(files: MemoryFiles, checkpoint: Checkpoint): Promise<void> {
  const reader = new TensorReader(files, checkpoint);
  const { tensors, metadata } = checkpoint;
  const { weights } = await findPackedCodes(tensors, {}, (...range) => reader.readRange(...range));
  const names = GgufNames.of(metadata);
  const twins =
    names === undefined ? [] : ggufTwins(tensors, names).tensors.flatMap(({ packed }) => packed ?? []);
  for (const weight of [...weights.values(), ...twins]) {
    const { rows, columns } = rowsOf(weight.shape);
    if (columns > longestRow || rows * columns === 0) continue;
    for (const row of [0, rows - 1]) {
      try {
        const values = await weight.readRows(row, 1, (...range) => reader.readRange(...range));
        if (values.length !== columns) throw new Error(`${values.length} values of ${columns}`);
      } catch (error) {
        if (!(error instanceof CheckpointError || error instanceof RangeError)) throw error;
      }
    }
  }
  await reader.close();
}
