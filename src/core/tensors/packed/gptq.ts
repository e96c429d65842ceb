import { maxGatherBytes } from "../../problem/limits";
import type { ReadTensorRange } from "../readTensorRange";
import { readAllValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import type { CodeCells } from "./codeCells";
import { columnKind, fillInputWords, fillNumbers, fillOutputWords } from "./columnCells";
import { codeAt, type PackedWeight, type PackingHints, type Sibling } from "./packedWeight";

/** Where AWQ's packing (AutoAWQ, gemm) puts each of eight neighbours in a word. */
const awqPlaces = [0, 4, 1, 5, 2, 6, 3, 7];
/** And which of the eight is at each place. */
const awqOutputs = awqPlaces.map((_, place) => awqPlaces.indexOf(place));

/** Where AWQ keeps the code of an output, counted in codes. */
function placeOf(output: number): number {
  return output - (output % 8) + (awqPlaces[output % 8] as number);
}

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
  // Zero points are packed as the codes are: they say the bits, whatever the configuration does.
  const bits = (32 * (zeros.shape[1] ?? 0)) / outputs;
  const inputs = isAwq ? codeRows : (codeRows * 32) / bits;
  const groupSize = groupSizeOf(inputs, groups, hints.groupSize);
  const fits =
    (isAwq
      ? bits === 4 && codeColumns * 8 === outputs
      : [2, 3, 4, 8].includes(bits) && Number.isInteger(inputs) && codeColumns === outputs) &&
    (order === undefined || elementCount(order.shape) === inputs) &&
    zeros.shape[0] === groups &&
    (order !== undefined || groupSize !== undefined) &&
    // Rows are held whole, since those of the weight are columns of what is stored.
    Math.max(codes.byteSize, zeros.byteSize, scales.byteSize) <= maxGatherBytes;
  if (!fits) return undefined;
  const packed: Packed = { inputs, outputs, bits, groupSize: groupSize ?? Math.ceil(inputs / groups) };
  let held: Promise<Held> | undefined;
  const hold = (read: ReadTensorRange, signal?: AbortSignal) => {
    held ??= readHeld({ codes, scales, zeros, order }, read, signal).catch((error: unknown) => {
      held = undefined;
      throw error;
    });
    return held;
  };
  const zeroShift = isAwq || hints.isGptqV2 === true ? 0 : 1;
  const cells = cellsOf(packed, isAwq, zeroShift, hold);
  return {
    name,
    scheme: `${isAwq ? "AWQ" : "GPTQ"}, ${bits} bits, groups of ${packed.groupSize}`,
    shape: [outputs, inputs],
    stored: [codes, scales, zeros, ...(order === undefined ? [] : [order])],
    ...(cells === undefined ? {} : { cells }),
    readRows: async (first, rows, read, signal) =>
      unpack(packed, isAwq, zeroShift, await hold(read, signal), first, rows),
  };
}

/** Outputs are gathered from what is held; undefined where groups are cut. */
function cellsOf(
  { inputs, outputs, bits, groupSize }: Packed,
  isAwq: boolean,
  zeroShift: number,
  hold: (read: ReadTensorRange) => Promise<Held>,
): CodeCells | undefined {
  const kind = columnKind(inputs, groupSize, bits);
  if (kind === undefined) return undefined;
  const mask = 2 ** bits - 1;
  return {
    ...kind,
    async fill(first, rows, into, read) {
      const { codes, zeros, scales, order } = await hold(read);
      const grouping = groupingOf(order, inputs, groupSize);
      if (grouping === "unequal") return false;
      const zeroAt = (group: number, output: number) =>
        (codeAt(zeros, group * outputs + (isAwq ? placeOf(output) : output), bits) + zeroShift) & mask;
      const words = {
        inputs,
        outputs,
        bits,
        groupSize,
        codes,
        order: grouping === "following" ? undefined : order,
        scales,
        zeroAt,
      };
      fillNumbers(words, first, rows, into);
      if (isAwq) fillOutputWords(words, awqOutputs, first, rows, into.codes);
      else fillInputWords(words, first, rows, into.codes);
      return true;
    },
  };
}

/** Whether the inputs of a group follow each other, and whether all groups have as many. */
function groupingOf(
  order: Float64Array | undefined,
  inputs: number,
  groupSize: number,
): "following" | "equal" | "unequal" {
  if (order?.some((group, input) => group !== Math.floor(input / groupSize)) !== true) return "following";
  const sizes = new Uint32Array(inputs / groupSize);
  for (const group of order) sizes[group] = (sizes[group] ?? 0) + 1;
  return sizes.every((size) => size === groupSize) ? "equal" : "unequal";
}

/** What the configuration says, where the last group may be cut, else equal groups. */
function groupSizeOf(inputs: number, groups: number, stated: number | undefined): number | undefined {
  if (stated !== undefined && Math.ceil(inputs / stated) === groups) return stated;
  return inputs % groups === 0 ? inputs / groups : undefined;
}

interface Held {
  /** Words. */
  readonly codes: Int32Array;
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
  return { codes: new Int32Array(new Uint8Array(codes).buffer), zeros, scales, order };
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
  const groups = scales.length / outputs;
  const places = Int32Array.from({ length: rows }, (_, row) => {
    const output = first + row;
    return isAwq ? placeOf(output) : output;
  });
  const [zeroOf, scaleOf] = [new Int32Array(groups * rows), new Float32Array(groups * rows)];
  for (let group = 0, at = 0; group < groups; group++) {
    for (let row = 0; row < rows; row++, at++) {
      zeroOf[at] = (codeAt(zeros, group * outputs + (places[row] as number), bits) + zeroShift) & mask;
      scaleOf[at] = scales[group * outputs + first + row] as number;
    }
  }
  // Neighbours of the outputs lie beside each other.
  for (let input = 0; input < inputs; input++) {
    const group = rows * (order?.[input] ?? Math.floor(input / groupSize));
    const bit = input * bits;
    const words = isAwq ? input * (outputs / 8) : (bit >>> 5) * outputs;
    for (let row = 0, at = input; row < rows; row++, at += inputs) {
      const place = places[row] as number;
      const word = isAwq ? words + (place >>> 3) : words + place;
      const shift = isAwq ? 4 * (place & 7) : bit & 31;
      let code = (codes[word] as number) >>> shift;
      // 3 bits may lie in two words.
      if (shift + bits > 32) code |= (codes[word + outputs] as number) << (32 - shift);
      const of = group + row;
      values[at] = (scaleOf[of] as number) * ((code & mask) - (zeroOf[of] as number));
    }
  }
  return values;
}
