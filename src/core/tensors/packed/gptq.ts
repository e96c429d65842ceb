import { maxGatherBytes } from "../../problem/limits";
import type { ReadTensorRange } from "../readTensorRange";
import { readAllValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import type { CodeCells } from "./codeCells";
import { type ColumnWords, columnKind, fillInputWords, fillNumbers, fillOutputWords } from "./columnCells";
import { inputWordRows, outputWordRows } from "./columnRows";
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
    async readRows(first, rows, read, signal, into) {
      const held = await hold(read, signal);
      const isFollowing = groupingOf(held.order, packed.inputs, packed.groupSize) === "following";
      const words = columnsOf(packed, isAwq, zeroShift, held, isFollowing ? undefined : held.order);
      return isAwq
        ? outputWordRows(words, awqOutputs, first, rows, into)
        : inputWordRows(words, first, rows, into);
    },
  };
}

/** Outputs are gathered from what is held; undefined where groups are cut. */
function cellsOf(
  packed: Packed,
  isAwq: boolean,
  zeroShift: number,
  hold: (read: ReadTensorRange) => Promise<Held>,
): CodeCells | undefined {
  const { inputs, bits, groupSize } = packed;
  const kind = columnKind(inputs, groupSize, bits);
  if (kind === undefined) return undefined;
  return {
    ...kind,
    async fill(first, rows, into, read) {
      const held = await hold(read);
      const grouping = groupingOf(held.order, inputs, groupSize);
      if (grouping === "unequal") return false;
      const order = grouping === "following" ? undefined : held.order;
      const words = columnsOf(packed, isAwq, zeroShift, held, order);
      fillNumbers(words, first, rows, into);
      if (isAwq) fillOutputWords(words, awqOutputs, first, rows, into.codes);
      else fillInputWords(words, first, rows, into.codes);
      return true;
    },
  };
}

function columnsOf(
  packed: Packed,
  isAwq: boolean,
  zeroShift: number,
  { codes, zeros, scales }: Held,
  order: Float64Array | undefined,
): ColumnWords {
  const { outputs, bits } = packed;
  const mask = 2 ** bits - 1;
  const zeroAt = (group: number, output: number) =>
    (codeAt(zeros, group * outputs + (isAwq ? placeOf(output) : output), bits) + zeroShift) & mask;
  return { ...packed, codes, scales, zeroAt, order };
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
