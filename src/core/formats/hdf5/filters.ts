import { unpackBzip2 } from "../../bytes/bzip2";
import { inflateAll } from "../../bytes/inflate";
import { zstdDecompress } from "../../bytes/zstd";
import { CheckpointError } from "../../problem/checkpointError";
import { unpackBlosc } from "../chunks/blosc";
import { unshuffle } from "../chunks/shuffles";
import { unpackBitshuffle } from "./bitshuffle";
import type { FilterStep } from "./dataset";
import { unpackLz4 } from "./lz4";
import { unpackLzf } from "./lzf";
import { isNBitOfParts, unpackNBit } from "./nbit";
import { unpackScaleOffset } from "./scaleOffset";
import { unpackSzip } from "./szip";

type Undo = (bytes: Uint8Array, step: FilterStep, chunkBytes: number) => Promise<Uint8Array> | Uint8Array;

/** Registered filters that are undone here (File Format Specification IV.A.2.l; 32000 is h5py's). */
const undoings = new Map<number, Undo>([
  [1, (bytes, _, chunkBytes) => inflateAll(bytes, "deflate", chunkBytes + slackBytes)],
  [2, (bytes, { parameters }) => unshuffle(bytes, parameters[0] ?? 1)],
  [3, checkFletcher],
  [4, (bytes, step, chunkBytes) => szip(bytes, step, chunkBytes)],
  [5, (bytes, { parameters }, chunkBytes) => unpackNBit(bytes, parameters, chunkBytes)],
  [6, (bytes, { parameters }) => unpackScaleOffset(bytes, parameters)],
  [307, (bytes, _, chunkBytes) => unpackBzip2(bytes, chunkBytes + slackBytes)],
  [32_000, (bytes, { parameters }, chunkBytes) => unpackLzf(bytes, lzfSize(parameters[2], chunkBytes))],
  [32_001, (bytes, _, chunkBytes) => unpackBlosc(bytes, chunkBytes + slackBytes)],
  [32_004, (bytes, _, chunkBytes) => unpackLz4(bytes, chunkBytes + slackBytes)],
  [
    32_008,
    (bytes, { parameters }, chunkBytes) => unpackBitshuffle(bytes, parameters, chunkBytes + slackBytes),
  ],
  [32_015, (bytes, _, chunkBytes) => zstdDecompress(bytes, chunkBytes + slackBytes)],
]);

/** A checksum or the head of another filter may stand beside the values. */
const slackBytes = 4096;

/** What people call filters that are not undone here (registered filters of the HDF Group). */
const names = new Map([
  [305, "LZO"],
  [32_013, "ZFP"],
  [32_017, "SZ"],
  [32_026, "Blosc2"],
]);

/** What stands against reading chunks that went through these steps; undefined where nothing does. */
export function unreadableFilter(steps: readonly FilterStep[]): string | undefined {
  const step = steps.find(({ id }) => !undoings.has(id));
  if (step === undefined)
    return steps.some(isNBitOfParts)
      ? "its chunks went through N-bit packing of more than single numbers, which is not undone here"
      : undefined;
  const name = names.get(step.id) ?? (step.name === "" ? "a filter" : step.name.slice(0, 100));
  return `its chunks went through ${name} (filter ${step.id}), which is not undone here`;
}

/**
 * A chunk as it was before it was written: the steps undone from the last to the first, without those whose bit is in
 * `mask`.
 */
export async function undoFilters(
  stored: Uint8Array,
  steps: readonly FilterStep[],
  mask: number,
  chunkBytes: number,
): Promise<Uint8Array> {
  let bytes = stored;
  for (let at = steps.length - 1; at >= 0; at--) {
    if (((mask >>> at) & 1) === 1) continue;
    const step = steps[at] as FilterStep;
    const undo = undoings.get(step.id);
    if (undo === undefined) throw new CheckpointError("UnknownFilter", `${unreadableFilter(steps)}.`);
    bytes = await undo(bytes, step, chunkBytes);
  }
  if (bytes.length < chunkBytes)
    throw new CheckpointError("DamagedChunk", `A chunk has ${bytes.length} of its ${chunkBytes} bytes.`);
  return bytes.length === chunkBytes ? bytes : bytes.subarray(0, chunkBytes);
}

const checksumBytes = 4;

/** Four bytes behind the chunk (Fletcher's sum of 16-bit words), which older libraries wrote in swapped halves. */
function checkFletcher(bytes: Uint8Array): Uint8Array {
  if (bytes.length < checksumBytes)
    throw new CheckpointError("DamagedChunk", "A chunk ends inside its checksum.");
  const data = bytes.subarray(0, bytes.length - checksumBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stored = view.getUint32(data.length, true);
  const sum = fletcher32(data);
  const swapped = (((sum & 0x00ff00ff) << 8) | ((sum >>> 8) & 0x00ff00ff)) >>> 0;
  if (stored !== sum && stored !== swapped)
    throw new CheckpointError("ChecksumMismatch", "A chunk is damaged: its checksum is another one.");
  return data;
}

/** H5_checksum_fletcher32: words with the high byte first. */
function fletcher32(data: Uint8Array): number {
  let [first, second] = [0, 0];
  const words = Math.floor(data.length / 2);
  for (let at = 0; at < words; at++) {
    first += ((data[at * 2] as number) << 8) | (data[at * 2 + 1] as number);
    second += first;
    if (at % 360 === 359) [first, second] = [folded(first), folded(second)];
  }
  if (data.length % 2 === 1) {
    first += (data[data.length - 1] as number) << 8;
    second += first;
  }
  return ((folded(second) << 16) | folded(first)) >>> 0;
}

/** To 16 bits, as adding the carries does: what is not zero stays so. */
function folded(sum: number): number {
  if (sum === 0) return 0;
  const rest = sum % 0xffff;
  return rest === 0 ? 0xffff : rest;
}

function szip(bytes: Uint8Array, { parameters }: FilterStep, chunkBytes: number): Uint8Array {
  const [mask = 0, pixelsPerBlock = 0, bitsPerPixel = 0, pixelsPerScanline = 0] = parameters;
  if (bytes.length < 4) throw new CheckpointError("DamagedChunk", "A chunk ends inside its size.");
  // The size that comes out stands in front.
  const size = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  if (size > chunkBytes + slackBytes)
    throw new CheckpointError("DamagedChunk", `A chunk claims ${size} bytes where ${chunkBytes} belong.`);
  const options = { mask, pixelsPerBlock, bitsPerPixel, pixelsPerScanline };
  return unpackSzip(bytes.subarray(4), size, options);
}

/** h5py tells the filter how large chunks are; where it did not, they are as large as they must be. */
function lzfSize(told: number | undefined, chunkBytes: number): number {
  return told !== undefined && told > 0 && told <= chunkBytes + slackBytes ? told : chunkBytes;
}
