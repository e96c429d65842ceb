import { maxGatherBytes } from "../../problem/limits";
import type { ReadTensorRange } from "../readTensorRange";
import { readAllValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import { codeAt, type PackedWeight, type PackingHints, type Sibling } from "./packedWeight";

/** Where AWQ's packing (AutoAWQ, gemm) puts each of eight neighbours in a word. */
const awqPlaces = [0, 4, 1, 5, 2, 6, 3, 7];

/** What the parts of a linear layer's codes need to be unpacked; the layer has `inputs` and `outputs`. */
interface Packed {
  readonly inputs: number;
  readonly outputs: number;
  readonly bits: number;
  readonly groupSize: number;
}

/**
 * GPTQ and AWQ: codes of a weight that lies transposed, inputs by outputs, with a scale and a zero point for each
 * output and group of inputs. GPTQ packs neighbours of the inputs, AWQ of the outputs and in an order of its own; the
 * first format of GPTQ stores zero points less one (AutoGPTQ, `qlinear`; AutoAWQ, `gemm`).
 */
export function gptqOrAwq(
  name: string,
  codes: Tensor,
  sibling: Sibling,
  hints: PackingHints,
): PackedWeight | undefined {
  const [scales, zeros, order] = [sibling(".scales"), sibling(".qzeros"), sibling(".g_idx")];
  if (scales === undefined || zeros === undefined) return undefined;
  const [codeRows, codeColumns] = codes.shape;
  const [groups, outputs] = scales.shape;
  if (codes.shape.length !== 2 || scales.shape.length !== 2 || zeros.shape.length !== 2) return undefined;
  if (codeRows === undefined || codeColumns === undefined || !groups || !outputs) return undefined;
  const isAwq = order === undefined && codeColumns !== outputs;
  const bits = isAwq ? (32 * codeColumns) / outputs : bitsOf(codeRows, order, hints.bits);
  const inputs = isAwq ? codeRows : (codeRows * 32) / bits;
  const groupSize = Math.ceil(inputs / groups);
  const fits =
    (isAwq
      ? bits === 4
      : [2, 3, 4, 8].includes(bits) && Number.isInteger(inputs) && codeColumns === outputs) &&
    (order === undefined || elementCount(order.shape) === inputs) &&
    zeros.shape[0] === groups &&
    zeros.shape[1] === (outputs * bits) / 32 &&
    // Rows are held whole, since those of the weight are columns of what is stored.
    Math.max(codes.byteSize, zeros.byteSize, scales.byteSize) <= maxGatherBytes;
  if (!fits) return undefined;
  const packed: Packed = { inputs, outputs, bits, groupSize };
  let held: Promise<Held> | undefined;
  const hold = (read: ReadTensorRange, signal?: AbortSignal) => {
    held ??= readHeld({ codes, scales, zeros, order }, read, signal).catch((error: unknown) => {
      held = undefined;
      throw error;
    });
    return held;
  };
  const zeroShift = isAwq || hints.isGptqV2 === true ? 0 : 1;
  return {
    name,
    scheme: `${isAwq ? "AWQ" : "GPTQ"}, ${bits} bits, groups of ${groupSize}`,
    shape: [outputs, inputs],
    stored: [codes, scales, zeros, ...(order === undefined ? [] : [order])],
    readRows: async (first, rows, read, signal) =>
      unpack(packed, isAwq, zeroShift, await hold(read, signal), first, rows),
  };
}

/** A list of groups says how many inputs there are, else the configuration how many bits. */
function bitsOf(codeRows: number, order: Tensor | undefined, stated: number | undefined): number {
  const inputs = order === undefined ? 0 : elementCount(order.shape);
  return inputs > 0 ? (codeRows * 32) / inputs : (stated ?? 4);
}

interface Held {
  readonly codes: Uint8Array;
  readonly zeros: Uint8Array;
  readonly scales: Float64Array;
  readonly order: Float64Array | undefined;
}

async function readHeld(
  stored: {
    readonly codes: Tensor;
    readonly zeros: Tensor;
    readonly scales: Tensor;
    readonly order: Tensor | undefined;
  },
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<Held> {
  const [codes, zeros, scales, order] = await Promise.all([
    read(stored.codes, 0, stored.codes.byteSize, signal),
    read(stored.zeros, 0, stored.zeros.byteSize, signal),
    readAllValues(stored.scales, read, signal),
    stored.order === undefined ? undefined : readAllValues(stored.order, read, signal),
  ]);
  const groups = stored.scales.shape[0] as number;
  if (order?.some((group) => !(group >= 0 && group < groups)))
    throw new RangeError(`${stored.order?.name} names groups that have no scales.`);
  return { codes, zeros, scales, order };
}

/** The bits from `bit` on of a column of words, as many as fit; 3 bits may lie in two words. */
function codeOfColumn(codes: Uint8Array, bit: number, column: number, columns: number): number {
  const shift = bit & 31;
  const at = 4 * ((bit >>> 5) * columns + column);
  const low = wordAt(codes, at) >>> shift;
  return shift <= 24 ? low : low | (wordAt(codes, at + 4 * columns) << (32 - shift));
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

function unpack(
  { inputs, outputs, bits, groupSize }: Packed,
  isAwq: boolean,
  zeroShift: number,
  { codes, zeros, scales, order }: Held,
  first: number,
  rows: number,
): Float32Array {
  const values = new Float32Array(rows * inputs);
  const mask = 2 ** bits - 1;
  for (let row = 0, at = 0; row < rows; row++) {
    const output = first + row;
    const place = isAwq ? output - (output % 8) + (awqPlaces[output % 8] as number) : output;
    for (let input = 0; input < inputs; input++, at++) {
      const group = order === undefined ? Math.floor(input / groupSize) : (order[input] as number);
      const code = isAwq
        ? codeAt(codes, input * outputs + place, bits)
        : codeOfColumn(codes, input * bits, output, outputs) & mask;
      const zero = (codeAt(zeros, group * outputs + place, bits) + zeroShift) & mask;
      values[at] = Math.fround(scales[group * outputs + output] as number) * (code - zero);
    }
  }
  return values;
}
