import { sameItems } from "../../lists/sameItems";
import { elementCount, type Tensor } from "../../tensors/tensor";

/**
 * Parameters that the variables of layers stand for which Keras 3 quantised, by their names: the weights of the layer,
 * and none of the scales, zero points and histories that Keras keeps behind them (keras/src/layers/core/dense.py and
 * its kin, `_int8_build`, `_int4_build`, `_float8_build`). Empty where none is quantised.
 */
export function kerasStandsFor(tensors: readonly Tensor[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const variables of variablesOfLayers(tensors).values()) {
    const kept =
      float8Weights(variables) ??
      statedWeights(variables) ??
      integerWeights(variables) ??
      unsignedWeights(variables);
    if (kept === undefined) continue;
    for (const { name } of variables) counts.set(name, kept.get(name) ?? 0);
  }
  return counts;
}

/** Variables in their order, by the paths of their layers. */
export function variablesOfLayers(tensors: readonly Tensor[]): ReadonlyMap<string, readonly Tensor[]> {
  const layers = new Map<string, Tensor[]>();
  for (const tensor of tensors) {
    const layer = /^(.*\/vars)\/\d+$/.exec(tensor.name)?.[1];
    if (layer === undefined) continue;
    const known = layers.get(layer);
    if (known === undefined) layers.set(layer, [tensor]);
    else known.push(tensor);
  }
  for (const variables of layers.values()) variables.sort((a, b) => numberOf(a) - numberOf(b));
  return layers;
}

function numberOf({ name }: Tensor): number {
  return Number(name.slice(name.lastIndexOf("/") + 1));
}

/** A scale and the largest magnitudes of so many steps, of what goes in, of the kernel, and of the gradient. */
const historyLength = 1024;
const pairsOfFloat8 = 3;

function float8Weights(variables: readonly Tensor[]): ReadonlyMap<string, number> | undefined {
  const kept = variables.slice(0, -2 * pairsOfFloat8);
  const added = variables.slice(kept.length);
  const arePairs = added.every(({ shape }, at) =>
    at % 2 === 0 ? shape.length === 0 : shape.length === 1 && shape[0] === historyLength,
  );
  if (kept.length === 0 || added.length !== 2 * pairsOfFloat8 || !arePairs) return undefined;
  return new Map(kept.map(({ name, shape }) => [name, elementCount(shape)]));
}

/** Codes whose layer tells how they become values. */
function statedWeights(variables: readonly Tensor[]): ReadonlyMap<string, number> | undefined {
  const stated = variables[0]?.codes;
  if (stated === undefined) return undefined;
  const { scales, offsets, groups, shape } = stated;
  const others = variables.slice(1).filter(({ name }) => ![scales, offsets, groups].includes(name));
  return new Map([
    [(variables[0] as Tensor).name, elementCount(shape)],
    ...others.map((other) => [other.name, elementCount(other.shape)] as const),
  ]);
}

/**
 * Codes of GPTQ and AWQ, of outputs by inputs and two in a byte along the outputs where they have 4 bits, behind a bias:
 * then scales and zero points of outputs by groups, of AWQ a scale of each input, and the group of each input.
 */
function unsignedWeights(variables: readonly Tensor[]): ReadonlyMap<string, number> | undefined {
  const at = variables.findIndex(({ dtype, shape }) => dtype === "U8" && shape.length === 2);
  const [codes, scales, zeros, ...others] = at < 0 || at > 1 ? [] : variables.slice(at);
  const [outputs, groups] = scales?.shape ?? [];
  const [stored, inputs] = codes?.shape ?? [];
  const fits =
    scales?.shape.length === 2 &&
    /^B?F\d+$/.test(scales.dtype) &&
    zeros?.dtype === "U8" &&
    sameItems(zeros.shape, [outputs, groups]) &&
    (stored === outputs || stored === Math.ceil((outputs ?? 0) / 2)) &&
    (others.length === 1 || others.length === 2) &&
    others.every(({ shape }) => sameItems(shape, [inputs]));
  if (!fits || codes === undefined) return undefined;
  const bias = variables.slice(0, at).map(({ name, shape }) => [name, elementCount(shape)] as const);
  return new Map([...bias, [codes.name, (outputs ?? 0) * (inputs ?? 0)]]);
}

/** The codes come first, then a bias where there is one, then the scales, of 4 bits with zero points and groups. */
function integerWeights(variables: readonly Tensor[]): ReadonlyMap<string, number> | undefined {
  const [codes, ...others] = variables;
  if (codes === undefined || codes.dtype !== "I8" || codes.shape.length < 2) return undefined;
  const zeros = others.findIndex(({ dtype, shape }) => dtype === "I8" && shape.length === 2);
  const scales = zeros < 0 ? others.at(-1) : others[zeros - 1];
  if (scales === undefined || !scales.dtype.startsWith("F")) return undefined;
  const outputs = scales.shape.at(-1) ?? 0;
  const counts = new Map([[codes.name, elementCount(codes.shape)]]);
  if (zeros >= 0) {
    // Two codes share a byte along the axis that the scales are of.
    if (codes.shape.at(-1) !== Math.ceil(outputs / 2)) return undefined;
    counts.set(codes.name, elementCount(codes.shape.slice(0, -1)) * outputs);
  }
  const end = zeros < 0 ? others.length - 1 : zeros - 1;
  for (const { name, shape } of others.slice(0, end)) counts.set(name, elementCount(shape));
  return counts;
}
