import type { StatedCodes } from "../../tensors/packed/statedCodes";
import { elementCount, type Tensor } from "../../tensors/tensor";
import type { OnnxNode } from "./onnxQuantised";

/** The tensor of a name as a node sees it. */
type Find = (name: string | undefined) => Tensor | undefined;

/**
 * Which input of a node are codes of a weight, and how they become its values (ONNX's Operators.md, ONNX Runtime's
 * ContribOperators.md). Undefined where none is, and where the scales are made while the model runs.
 */
export function statedByNode(
  node: OnnxNode,
  find: Find,
): { readonly codes: Tensor; readonly stated: StatedCodes } | undefined {
  const { type } = node;
  if (type === "MatMulNBits") return matrixBlocks(node, find);
  if (type === "MatMulBnb4") return bitsandbytesBlocks(node, find);
  if (type === "GatherBlockQuantized") return gatheredBlocks(node, find);
  const places = linear[type];
  if (places === undefined) return undefined;
  const [at, scaleAt, zeroAt, axisOf] = places;
  const codes = find(node.inputs[at]);
  const scales = find(node.inputs[scaleAt]);
  const zeros = find(node.inputs[zeroAt]);
  if (codes === undefined || scales === undefined) return undefined;
  if (zeros === undefined && (node.inputs[zeroAt] ?? "") !== "") return undefined;
  const axis = axisOf(node, codes.shape.length);
  const stated = linearCodes(codes, scales, zeros, axis, node.numbers.get("block_size") ?? 0);
  return stated && { codes, stated };
}

/** Places of codes, scale and zero point, and the axis that scales are of, where there are several. */
const linear: Readonly<
  Record<
    string,
    readonly [codes: number, scale: number, zero: number, axis: (node: OnnxNode, axes: number) => number]
  >
> = {
  DequantizeLinear: [0, 1, 2, ({ numbers }, axes) => inRange(numbers.get("axis") ?? 1, axes)],
  QLinearMatMul: [3, 4, 5, (_, axes) => axes - 1],
  QLinearConv: [3, 4, 5, () => 0],
  MatMulIntegerToFloat: [1, 3, 5, (_, axes) => axes - 1],
  DynamicQuantizeMatMul: [1, 2, 3, (_, axes) => axes - 1],
  QGemm: [3, 4, 5, ({ numbers }, axes) => (numbers.get("transB") === 1 ? 0 : axes - 1)],
  QAttention: [1, 4, 7, (_, axes) => axes - 1],
};

/** Places of codes of other operators: in blocks, or with scales that another node of the graph brings. */
const placesOfCodes: Readonly<Record<string, number>> = {
  MatMulNBits: 1,
  MatMulBnb4: 1,
  GatherBlockQuantized: 0,
  MatMulInteger: 1,
  ConvInteger: 1,
};

/** Which input of a node are codes of a weight, whether or not `statedByNode` tells what they become. */
export function codesOfNode({ type, inputs }: OnnxNode, find: Find): Tensor | undefined {
  const place = linear[type]?.[0] ?? placesOfCodes[type];
  const codes = place === undefined ? undefined : find(inputs[place]);
  const isWeight = codes !== undefined && codes.shape.length > 1;
  return isWeight && (narrow.has(codes.dtype) || whole.test(codes.dtype)) ? codes : undefined;
}

function inRange(axis: number, axes: number): number {
  return axis < 0 ? axis + axes : axis;
}

const narrow = new Map<string, readonly [bits: 2 | 4, isSigned: boolean]>([
  ["I4", [4, true]],
  ["U4", [4, false]],
  ["I2", [2, true]],
  ["U2", [2, false]],
]);
const whole = /^(?:[IU](?:8|16)|I32|F8_.*)$/;

/** (code − zero point) · scale, with one scale, one for each index of an axis, or for blocks along it. */
function linearCodes(
  { dtype, shape }: Tensor,
  scales: Tensor,
  zeros: Tensor | undefined,
  axis: number,
  blockSize: number,
): StatedCodes | undefined {
  const form = narrow.get(dtype);
  if (form === undefined && !whole.test(dtype)) return undefined;
  const columns = shape.at(-1) ?? 1;
  const rows = elementCount(shape.slice(0, -1));
  const block = blockOf(shape, scales, axis, blockSize);
  if (block === undefined) return undefined;
  const [bits, isSigned] = form ?? [8 as const, false];
  // Rows that begin within a byte are not read.
  if (bits !== 8 && (columns * bits) % 8 !== 0 && rows > 1) return undefined;
  const zeroForm = zeros === undefined ? undefined : narrow.get(zeros.dtype);
  const across = Math.ceil(columns / block[1]);
  if (zeroForm !== undefined && (across * zeroForm[0]) % 8 !== 0 && rows > block[0]) return undefined;
  const named = form === undefined ? dtype.replace("F8_", "FP8 ") : dtype;
  const kind = named.replace(/^I(\d+)$/, "INT$1").replace(/^U(\d+)$/, "UINT$1");
  const isOne = elementCount(scales.shape) === 1;
  const per = isOne
    ? "one scale"
    : blockSize > 0
      ? `blocks of ${blockSize}`
      : `a scale for each index of axis ${axis}`;
  return {
    scheme: `${kind}, ${per}`,
    shape,
    ...(bits === 8 ? {} : { packed: { bits, isSigned, rowBytes: Math.ceil((columns * bits) / 8) } }),
    scales: scales.name,
    ...(zeros === undefined ? {} : { offsets: zeros.name }),
    ...(zeroForm === undefined ? {} : { offsetBits: zeroForm[0], areOffsetsSigned: zeroForm[1] }),
    block,
  };
}

/** Rows, the axes before the last joined, and columns that share a scale. */
function blockOf(
  shape: readonly number[],
  scales: Tensor,
  axis: number,
  blockSize: number,
): readonly [number, number] | undefined {
  const columns = Math.max(1, shape.at(-1) ?? 1);
  const rows = Math.max(1, elementCount(shape.slice(0, -1)));
  const last = shape.length - 1;
  if (elementCount(scales.shape) === 1) return [rows, columns];
  const before = elementCount(shape.slice(0, axis));
  if (blockSize > 0) {
    const parts = Math.ceil((shape[axis] ?? 0) / blockSize);
    const wanted = shape.map((size, at) => (at === axis ? parts : size));
    if (scales.shape.join() !== wanted.join()) return undefined;
    if (axis === last) return [1, blockSize];
    // Rows of blocks that are cut would run into those of the next index before.
    return axis === last - 1 && (before === 1 || (shape[axis] as number) % blockSize === 0)
      ? [blockSize, 1]
      : undefined;
  }
  if (elementCount(scales.shape) !== shape[axis]) return undefined;
  if (axis === last) return [rows, 1];
  return before === 1 ? [rows / (shape[axis] as number), columns] : undefined;
}

/** B is N rows of blocks of K codes; zero points are as narrow as these, or of the type of the scales. */
function matrixBlocks({ inputs, numbers }: OnnxNode, find: Find) {
  const [codes, scales, zeros] = [find(inputs[1]), find(inputs[2]), find(inputs[3])];
  const [rows, columns, size] = [numbers.get("N"), numbers.get("K"), numbers.get("block_size")];
  const bits = numbers.get("bits") ?? 4;
  if (codes?.dtype !== "U8" || scales === undefined || rows === undefined || columns === undefined) return;
  if (size === undefined || size <= 0 || (bits !== 2 && bits !== 4 && bits !== 8)) return;
  // Columns in an order of their own, and zero points that are made while the model runs.
  if ((inputs[4] ?? "") !== "" || (zeros === undefined && (inputs[3] ?? "") !== "")) return;
  const blocks = Math.ceil(columns / size);
  const rowBytes = (blocks * size * bits) / 8;
  const areNarrow = zeros?.dtype === "U8" && bits !== 8;
  const stated: StatedCodes = {
    scheme: `UINT${bits}, blocks of ${size}`,
    shape: [rows, columns],
    packed: { bits, isSigned: false, rowBytes },
    scales: scales.name,
    ...(zeros === undefined ? { offset: 2 ** (bits - 1) } : { offsets: zeros.name }),
    ...(areNarrow ? { offsetBits: bits } : {}),
    block: [1, size],
  };
  return { codes, stated };
}

/** The codes of bitsandbytes, of the transposed weight as it is multiplied. */
function bitsandbytesBlocks({ inputs, numbers }: OnnxNode, find: Find) {
  const [codes, scales] = [find(inputs[1]), find(inputs[2])];
  const [rows, columns, size] = [numbers.get("N"), numbers.get("K"), numbers.get("block_size")];
  const blocksOf = (["FP4", "NF4"] as const)[numbers.get("quant_type") ?? 1];
  if (codes?.dtype !== "U8" || scales === undefined || rows === undefined || columns === undefined) return;
  if (blocksOf === undefined || size === undefined || size <= 0) return;
  const stated: StatedCodes = {
    scheme: `${blocksOf}, blocks of ${size}`,
    shape: [rows, columns],
    blocksOf,
    scales: scales.name,
    block: [1, size],
  };
  return { codes, stated };
}

/** Rows of an embedding; a U8 holds two codes of 4 bits along the last axis, whose zero point is in the middle. */
function gatheredBlocks({ inputs, numbers }: OnnxNode, find: Find) {
  const [codes, scales, zeros] = [find(inputs[0]), find(inputs[2]), find(inputs[3])];
  const [bits, size] = [numbers.get("bits") ?? 4, numbers.get("block_size") ?? 128];
  if (codes === undefined || scales === undefined || codes.shape.length < 2 || size <= 0) return;
  if (zeros === undefined && (inputs[3] ?? "") !== "") return;
  const last = codes.shape.length - 1;
  if (inRange(numbers.get("quantize_axis") ?? 1, codes.shape.length) !== last) return;
  const isByte = codes.dtype === "U8";
  const form = isByte ? undefined : narrow.get(codes.dtype);
  if (isByte ? bits !== 2 && bits !== 4 && bits !== 8 : form === undefined) return;
  const width = (isByte ? bits : form?.[0]) as 2 | 4 | 8;
  const stored = codes.shape[last] as number;
  const columns = isByte ? (stored * 8) / width : stored;
  if ((columns * width) % 8 !== 0) return;
  const across = Math.ceil(columns / size);
  const zeroBits =
    zeros === undefined ? undefined : zeros.dtype === "U8" ? width : narrow.get(zeros.dtype)?.[0];
  if (zeroBits !== undefined && !isByte && (across * zeroBits) % 8 !== 0) return;
  const isSigned = form?.[1] ?? false;
  const stated: StatedCodes = {
    scheme: `${isSigned ? "INT" : "UINT"}${width}, blocks of ${size}`,
    shape: [...codes.shape.slice(0, -1), columns],
    packed: { bits: width, isSigned, rowBytes: (columns * width) / 8 },
    scales: scales.name,
    ...(zeros !== undefined ? { offsets: zeros.name } : isByte ? { offset: 2 ** (width - 1) } : {}),
    ...(zeroBits === undefined || zeroBits === 8 ? {} : { offsetBits: zeroBits, areOffsetsSigned: isSigned }),
    block: [1, size],
  };
  return { codes, stated };
}
