import { quote } from "../../text/quote";
import type { ReadTensorRange } from "../readTensorRange";
import { readAllValues } from "../readValues";
import { elementCount, type Tensor } from "../tensor";
import { e4m3, e8m0, fp4Levels, integerLevels, mxfp4Pairs, nvfp4Pairs } from "./floatCodes";
import { notUnpacked, type PackedWeight, type PackingHints, rowsOf, type Sibling } from "./packedWeight";
import { blockOf, type Grid, rowScaled } from "./rowScaled";

const f32 = Math.fround;

/** Codes of 4 bits along the last axis, the first in the low half of a byte. */
function fourBits(codes: Tensor, levels: Float64Array) {
  return { bits: 4, rowBytes: rowsOf(codes.shape).columns, levels };
}

/** gpt-oss: [..., groups, 16] bytes beside [..., groups] exponents (OCP microscaling, MXFP4). */
export function mxfp4Blocks(name: string, codes: Tensor, sibling: Sibling): PackedWeight | undefined {
  const scales = sibling("_scales");
  const leading = codes.shape.slice(0, -1);
  if (scales === undefined || codes.shape.length < 2 || codes.shape.at(-1) !== 16) return undefined;
  if (scales.dtype !== "U8" || scales.shape.join() !== leading.join()) return undefined;
  const groups = leading.at(-1) as number;
  const weight = rowScaled({
    name,
    scheme: "MXFP4, groups of 32",
    shape: [...leading.slice(0, -1), groups * 32],
    codes,
    packed: { bits: 4, rowBytes: groups * 16, levels: fp4Levels },
    scales: { tensor: scales, toValue: e8m0 },
    block: [1, 32],
  });
  return { ...weight, pairs: mxfp4Pairs };
}

/**
 * FP4 of ModelOpt and compressed-tensors: groups of 16 with scales of E4M3 and one more of the whole tensor, which
 * ModelOpt multiplies by and compressed-tensors divides by; or groups of 32 with exponents (MXFP4).
 */
export async function fp4Groups(
  name: string,
  codes: Tensor,
  sibling: Sibling,
  read: ReadTensorRange,
): Promise<PackedWeight | undefined> {
  const scales = sibling(".weight_scale");
  const [factor, divisor] = [sibling(".weight_scale_2"), sibling(".weight_global_scale")];
  if (scales === undefined || codes.shape.length < 2) return undefined;
  const columns = 2 * (codes.shape.at(-1) as number);
  const shape = [...codes.shape.slice(0, -1), columns];
  const block = [1, columns / (scales.shape.at(-1) ?? 1)] as const;
  if (scales.shape.slice(0, -1).join() !== codes.shape.slice(0, -1).join()) return undefined;
  const global = factor ?? divisor;
  if (global !== undefined && elementCount(global.shape) !== 1) return undefined;
  const isMx = global === undefined && scales.dtype === "U8" && block[1] === 32;
  const isNv = global !== undefined && ["F8_E4M3", "U8"].includes(scales.dtype) && block[1] === 16;
  if (!isMx && !isNv) return undefined;
  const stated = global === undefined ? 1 : ((await readAllValues(global, read))[0] as number);
  if (!Number.isFinite(stated) || stated === 0)
    throw notUnpacked(`${quote(global?.name ?? "")}, the scale of the whole tensor, is ${stated}.`);
  const byWhole = (value: number) => f32(factor === undefined ? value / stated : value * stated);
  const toScale = isMx ? e8m0 : scales.dtype === "U8" ? (code: number) => byWhole(e4m3(code)) : byWhole;
  const weight = rowScaled({
    name,
    scheme: isMx ? "MXFP4, groups of 32" : "NVFP4, groups of 16",
    shape,
    codes,
    packed: fourBits(codes, fp4Levels),
    scales: { tensor: scales, toValue: toScale },
    block,
    others: global === undefined ? [] : [global],
  });
  return { ...weight, pairs: isMx ? mxfp4Pairs : nvfp4Pairs(byWhole) };
}

const usualFp8Block = [128, 128] as const;

/** The scales of FP8 and of whole bytes, behind the name of a module and of a parameter. */
export const scaleEndings: readonly string[] = [
  ".weight_scale_inv",
  ".weight_scale",
  ".scale_weight",
  ".scale",
];
export const parameterScaleEndings: readonly string[] = ["_scale_inv", "_scale"];

function firstSibling(sibling: Sibling, endings: readonly string[]): Tensor | undefined {
  return endings.map(sibling).find((each) => each !== undefined);
}

/**
 * Whether bytes hold two codes of FP4 each (DeepSeek V4's experts): a scale for each 16 of them, where integers that are
 * kept in the same way have one for each row or for blocks of rows.
 */
export function areFp4Pairs({ dtype, shape }: Tensor, sibling: Sibling): boolean {
  const scales = firstSibling(sibling, [".weight_scale_inv", ".scale", "_scale_inv"]);
  const wanted = [...shape.slice(0, -1), (shape.at(-1) ?? 0) / 16];
  return dtype === "I8" && shape.length > 1 && scales?.shape.join() === wanted.join();
}

/** Integers or FP8 of whole bytes with a scale for the tensor, each row, or blocks of it, and maybe zero points. */
export function scaledBytes(
  name: string,
  codes: Tensor,
  sibling: Sibling,
  hints: PackingHints,
): PackedWeight | undefined {
  const scales = firstSibling(sibling, [...scaleEndings, ...parameterScaleEndings]);
  if (scales === undefined || codes.shape.length === 0) return undefined;
  if (areFp4Pairs(codes, sibling)) return fp4Bytes(name, codes, scales);
  const usual = codes.dtype === "I8" ? undefined : usualFp8Block;
  const block = blockOf(codes.shape, scales, hints.blockSize ?? usual);
  if (block === undefined) return undefined;
  const zeros = sibling(".weight_zero_point");
  if (zeros !== undefined && zeros.shape.join() !== scales.shape.join()) return undefined;
  const isWhole = elementCount(scales.shape) === 1;
  const isRows = !isWhole && block[0] === 1 && block[1] === rowsOf(codes.shape).columns;
  const per = isWhole ? "one scale" : isRows ? "a scale a row" : `a scale for ${block[0]} × ${block[1]}`;
  return rowScaled({
    name,
    scheme: `${codes.dtype === "I8" ? "INT8" : codes.dtype.replace("F8_", "FP8 ")}, ${per}`,
    shape: codes.shape,
    codes,
    scales: { tensor: scales, ...(scales.dtype === "U8" ? { toValue: e8m0 } : {}) },
    ...(zeros === undefined ? {} : { offsets: { tensor: zeros } }),
    block,
  });
}

function fp4Bytes(name: string, codes: Tensor, scales: Tensor): PackedWeight {
  const areExponents = ["U8", "F8_E8M0"].includes(scales.dtype);
  const weight = rowScaled({
    name,
    scheme: `${areExponents ? "MXFP4" : "FP4"}, groups of 32`,
    shape: [...codes.shape.slice(0, -1), 2 * (codes.shape.at(-1) as number)],
    codes,
    packed: fourBits(codes, fp4Levels),
    scales: { tensor: scales, ...(scales.dtype === "U8" ? { toValue: e8m0 } : {}) },
    block: [1, 32],
  });
  return areExponents ? { ...weight, pairs: mxfp4Pairs } : weight;
}

/**
 * Integers of compressed-tensors, packed along the inputs into words with half of their range added
 * (`pack_to_int32`); zero points are packed so along the outputs. Inputs in another order (`weight_g_idx`) are refused.
 */
export async function packedIntegers(
  name: string,
  codes: Tensor,
  sibling: Sibling,
  hints: PackingHints,
  read: ReadTensorRange,
): Promise<PackedWeight | undefined> {
  const [scales, stated] = [sibling(".weight_scale"), sibling(".weight_shape")];
  if (scales === undefined || stated === undefined || elementCount(stated.shape) !== 2) return undefined;
  if (sibling(".weight_g_idx") !== undefined)
    throw notUnpacked(
      "The groups of compressed-tensors in an order of their own (weight_g_idx) are not told apart.",
    );
  const [rows = 0, columns = 0] = await readAllValues(stated, read);
  const words = codes.shape[1] ?? 0;
  const possible = [2, 4, 8].filter((each) => words === Math.ceil((columns * each) / 32));
  const bits = possible.find((each) => each === hints.bits) ?? possible[0];
  const fits = codes.shape.length === 2 && codes.shape[0] === rows && bits !== undefined;
  if (!fits) return undefined;
  if (hints.bits !== undefined && hints.bits !== bits)
    throw notUnpacked(`The configuration says ${hints.bits} bits, the shapes say ${bits}.`);
  const { groupSize } = hints;
  const block = blockOf([rows, columns], scales, groupSize === undefined ? undefined : [1, groupSize]);
  if (block === undefined) return undefined;
  const zeros = sibling(".weight_zero_point");
  const zeroShape = [Math.ceil((rows * bits) / 32), Math.ceil(columns / block[1])];
  const isKnown = zeros?.dtype === "I32" && zeros.shape.join() === zeroShape.join() && block[0] === 1;
  if (zeros !== undefined && !isKnown) return undefined;
  return rowScaled({
    name,
    scheme: `INT${bits}, groups of ${block[1]}`,
    shape: [rows, columns],
    codes,
    packed: { bits, rowBytes: 4 * words, levels: integerLevels(bits, 2 ** (bits - 1)) },
    scales: { tensor: scales },
    ...(zeros === undefined ? {} : { offsets: { tensor: zeros, bitsAcrossRows: bits } }),
    block,
    others: [stated],
  });
}

/**
 * MLX: words of codes along the last axis, with a scale and a bias for each group (`mx.quantize`, affine); transformers
 * has such layers for Metal, whose biases have another name.
 */
export function mlxAffine(
  name: string,
  codes: Tensor,
  sibling: Sibling,
  hints: PackingHints,
): PackedWeight | undefined {
  const [scales, biases] = [sibling(".scales"), sibling(".biases") ?? sibling(".qbiases")];
  if (scales === undefined || codes.shape.length < 2) return undefined;
  const groups = scales.shape.at(-1) ?? 0;
  const words = codes.shape.at(-1) as number;
  if (scales.shape.slice(0, -1).join() !== codes.shape.slice(0, -1).join() || groups === 0) return undefined;
  const own = hints.modules?.get(name.replace(/\.weight$/, "")) ?? hints;
  const scheme = biases === undefined ? mlxFloat(words, groups, scales) : mlxInteger(own, words, groups);
  if (scheme === undefined || (biases !== undefined && biases.shape.join() !== scales.shape.join()))
    return undefined;
  const { bits, levels, text, toValue } = scheme;
  const columns = (words * 32) / bits;
  const offsets: Grid | undefined = biases === undefined ? undefined : { tensor: biases };
  return rowScaled({
    name,
    scheme: `${text}, groups of ${columns / groups}`,
    shape: [...codes.shape.slice(0, -1), columns],
    codes,
    packed: { bits, rowBytes: 4 * words, levels },
    scales: { tensor: scales, ...(toValue === undefined ? {} : { toValue }) },
    ...(offsets === undefined ? {} : { offsets }),
    block: [1, columns / groups],
    combining: "plus-offset",
  });
}

interface MlxScheme {
  readonly bits: number;
  readonly levels: Float64Array;
  readonly text: string;
  readonly toValue?: (code: number) => number;
}

/** Bits and the size of a group: what the configuration says must give what there is; 64 is the usual size. */
function mlxInteger({ bits, groupSize }: PackingHints, words: number, groups: number): MlxScheme | undefined {
  const ofGroup = (words * 32) / groups;
  const size = groupSize ?? (bits === undefined ? 64 : ofGroup / bits);
  const width = ofGroup / size;
  if (bits !== undefined && width !== bits)
    throw notUnpacked(
      `The configuration says ${bits} bits in groups of ${size}, the shapes say ${ofGroup} bits a group.`,
    );
  if (!Number.isInteger(size) || ![2, 3, 4, 5, 6, 8].includes(width)) return undefined;
  return { bits: width, levels: integerLevels(width), text: `MLX, ${width} bits` };
}

/** Without biases the modes mxfp4 and nvfp4, whose scales are bytes. */
function mlxFloat(words: number, groups: number, scales: Tensor): MlxScheme | undefined {
  if (scales.dtype !== "U8") return undefined;
  const size = (words * 8) / groups;
  if (size === 32) return { bits: 4, levels: fp4Levels, text: "MXFP4", toValue: e8m0 };
  if (size === 16) return { bits: 4, levels: fp4Levels, text: "NVFP4", toValue: e4m3 };
  return undefined;
}
