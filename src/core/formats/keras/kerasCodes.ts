import { sameItems } from "../../lists/sameItems";
import type { StatedCodes } from "../../tensors/packed/statedCodes";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { variablesOfLayers } from "./kerasQuantised";

/**
 * Tensors with what Keras 3 says by their order of how the kernels of quantised layers become values
 * (keras/src/layers/core/dense.py, embedding.py and einsum_dense.py: `variable_serialization_spec`).
 */
export function withKerasCodes(tensors: readonly Tensor[]): readonly Tensor[] {
  if (!tensors.some(({ dtype }) => dtype === "I8")) return tensors;
  const stated = new Map<Tensor, StatedCodes>();
  for (const [layer, variables] of variablesOfLayers(tensors)) {
    const [codes] = variables;
    if (codes?.dtype !== "I8" || codes.shape.length < 2) continue;
    const found = grouped(variables, codes) ?? bySingleScales(variables, codes, layer);
    if (found !== undefined) stated.set(codes, found);
  }
  if (stated.size === 0) return tensors;
  return tensors.map((tensor) => {
    const codes = stated.get(tensor);
    return codes === undefined ? tensor : { ...tensor, codes };
  });
}

/** Codes of 4 bits in groups of inputs: [codes, bias?, scales, zero points, which group each input is of]. */
function grouped(variables: readonly Tensor[], codes: Tensor): StatedCodes | undefined {
  const [scales, zeros, groups] = variables.slice(-3);
  const isGrouped =
    variables.length >= 4 &&
    codes.shape.length === 2 &&
    scales?.shape.length === 2 &&
    zeros?.dtype === "I8" &&
    zeros.shape.join() === scales.shape.join() &&
    groups?.shape.length === 1;
  if (!isGrouped || scales === undefined || zeros === undefined || groups === undefined) return undefined;
  const [rows, stored] = codes.shape as [number, number];
  const [size, [down, across]] = [groups.shape[0] as number, scales.shape as [number, number]];
  const common = { scales: scales.name, offsets: zeros.name, groups: groups.name };
  const packed = { bits: 4, isSigned: true, rowBytes: stored } as const;
  // Of Dense the groups lie along the rows, of Embedding along the columns.
  if (size === rows && stored === Math.ceil(across / 2))
    return {
      ...common,
      scheme: "INT4, a scale for groups of inputs",
      shape: [rows, across],
      packed,
      block: [Math.ceil(rows / down), 1],
    };
  if (down === rows && stored === Math.ceil(size / 2))
    return {
      ...common,
      scheme: "INT4, a scale for groups of columns",
      shape: [rows, size],
      packed,
      block: [1, Math.ceil(size / across)],
    };
  return undefined;
}

/**
 * Codes that are divided by a scale for each output, or each row of an Embedding: the scale comes last. Codes
 * of 4 bits that were packed along the inputs, or of an Embedding, have the shapes of whole bytes: the bytes must show it.
 */
function bySingleScales(variables: readonly Tensor[], codes: Tensor, layer: string): StatedCodes | undefined {
  const scales = variables.at(-1);
  if (scales === undefined || variables.length > 3 || !/^(?:B?F)\d+$/.test(scales.dtype)) return undefined;
  const { shape } = codes;
  const columns = shape.at(-1) as number;
  const rows = elementCount(shape.slice(0, -1));
  const count = elementCount(scales.shape);
  const whole = { scales: scales.name, isDivided: true, mustShow: "whole-bytes" } as const;
  // Heads and their sizes, as an EinsumDense of queries has them, or what comes of all of these.
  const across = scales.shape.filter((size) => size !== 1);
  if (across.length > 1 || (across.length === 1 && shape.length > 2)) {
    const leading = shape.slice(0, -across.length);
    const areLast = leading.length > 0 && sameItems(shape.slice(-across.length), across);
    // Axes of one size could be any of them.
    if (!areLast || leading.some((size) => across.includes(size))) return undefined;
    const block = [elementCount(leading), 1] as const;
    return { ...whole, scheme: "INT8, a scale an output", shape, lastAxes: across.length, block };
  }
  if (count !== Math.max(...scales.shape)) return undefined;
  const isEmbedding = /(?:^|\/)(?:reversible_)?embedding(?:_\d+)?\/vars$/.test(layer);
  const isDense = /(?:^|\/)dense(?:_\d+)?\/vars$/.test(layer);
  const others = shape.slice(0, -1).filter((size) => size === count).length;
  // A square weight is told by the name of its layer alone.
  const isOfRows = shape.length === 2 && count === rows && !isDense && (isEmbedding || count !== columns);
  if (isOfRows && variables.length === 2)
    return { ...whole, scheme: "INT8, a scale a row", shape, block: [1, columns] };
  const isOfColumns = count === columns && scales.shape.at(-1) === count && !isEmbedding;
  if (isOfColumns && (isDense || (count !== rows && others === 0)))
    return { ...whole, scheme: "INT8, a scale a column", shape, block: [rows, 1] };
  if (shape.length !== 2 || isEmbedding || columns !== Math.ceil(count / 2) || count < 2) return undefined;
  if (!isDense && count === rows) return undefined;
  const packed = { bits: 4, isSigned: true, rowBytes: columns } as const;
  const pairs = { scales: scales.name, isDivided: true, mustShow: "pairs" } as const;
  return { ...pairs, scheme: "INT4, a scale a column", shape: [rows, count], packed, block: [rows, 1] };
}
