import type { ComposedPart } from "../../adapter/composedFactors";
import { hasSmallFactors, maxSmallRank } from "../../adapter/factorLayout";
import type { LoraModule } from "../../adapter/loraModule";
import { createMatrix, isFiniteMatrix, type Matrix, vectorNorm } from "../../linalg/matrix";
import { multiply } from "../../linalg/multiply";
import { singularValuesOf } from "../../linalg/singularValues";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { FactorReader, type ModuleScale, type ReadTensor } from "../factors";
import { metricsOf, notFiniteMetrics, type UpdateMetrics } from "../updateMetrics";
import { kronecker } from "./composedMatrices";
import { circulantMatrix } from "./madeFactors";

/**
 * An update of full rank that its file keeps in few values: ΔW is, up to the order of its entries, `weight` times the
 * outer product of the vectors, each value repeated equally often. C³A has one vector, LoKr two.
 */
export interface LinearUpdate extends ModuleScale {
  /** Updates can be held against each other where these are equal: one arrangement of one size. */
  readonly arrangement: string;
  /** ‖ΔW‖_F = |weight| · Π‖v‖. */
  readonly weight: number;
  readonly vectors: readonly Float64Array[];
  readonly metrics: UpdateMetrics;
}

/** Sides up to which a part of such an update is decomposed; beyond it only its norm is known. */
const largestSide = maxSmallRank;

/**
 * The update of a module whose factors would not be small; undefined for all others.
 * @throws UpdateUnavailableError as `loadFactors`
 */
export async function loadLinearUpdate(
  module: LoraModule,
  readTensor: ReadTensor,
  signal?: AbortSignal,
): Promise<LinearUpdate | undefined> {
  if (hasSmallFactors(module)) return undefined;
  const reader = new FactorReader(module, readTensor, signal);
  const { alpha, scale } = await reader.scale();
  const parts =
    module.layout === "kron" ? await kronParts(module, reader) : await circulantParts(module, reader);
  const { vectors, weight, arrangement, spectrum } = parts;
  const whole = weight * scale;
  const about = { alpha, scale, arrangement, vectors, weight: whole };
  if (
    !Number.isFinite(whole) ||
    !vectors.every((vector) => isFiniteMatrix(createMatrix(1, vector.length, vector)))
  )
    return { ...about, metrics: notFiniteMetrics };
  const norms = vectors.map((vector) => vectorNorm(vector, 0, vector.length));
  const frobenius = norms.reduce((product, norm) => product * norm, Math.abs(whole));
  const values = spectrum?.();
  const longestSide = Math.max(module.inFeatures, module.outFeatures);
  const metrics =
    values === undefined
      ? normOnly(frobenius)
      : metricsOf(
          values.map((value) => value * Math.abs(scale)).sort((x, y) => y - x),
          longestSide,
          Number.NaN,
          Number.NaN,
        );
  return { ...about, metrics };
}

/** Of an update whose spectrum is not computed. What is not known is NaN, and lists are empty. */
function normOnly(frobenius: number): UpdateMetrics {
  return { ...notFiniteMetrics, finite: true, zero: frobenius === 0, frobenius };
}

interface LinearParts extends Pick<LinearUpdate, "arrangement" | "vectors" | "weight"> {
  /** Singular values without the scale, in any order; undefined where they would cost too much. */
  readonly spectrum: (() => Float64Array) | undefined;
}

/** ‖x ⊗ y‖ = ‖x‖·‖y‖, and its singular values are the products of theirs. */
async function kronParts(module: LoraModule, reader: FactorReader): Promise<LinearParts> {
  const [x, y] = await kronMatrices(module, reader);
  const isSmall = [x, y].every(({ rows, cols }) => Math.min(rows, cols) <= largestSide);
  return {
    arrangement: `${x.rows}×${x.cols}⊗${y.rows}×${y.cols}`,
    vectors: [x.data, y.data],
    weight: 1,
    spectrum: isSmall ? () => outer(singularValuesOf(x), singularValuesOf(y)) : undefined,
  };
}

async function kronMatrices({ parts }: LoraModule, reader: FactorReader): Promise<[Matrix, Matrix]> {
  if (parts === undefined) throw reader.unavailable("ShapeMismatch", "Its matrices are missing.");
  const whole = async (part: ComposedPart): Promise<Matrix> => {
    if ("whole" in part) return reader.matrix(part.whole, part.rows, part.cols);
    const { left, right } = await reader.part(part);
    return multiply(left, right);
  };
  return Promise.all([whole(parts.first), whole(parts.second)]);
}

/**
 * The values of ΔW without its scale, row by row, of a module without small factors.
 * @throws UpdateUnavailableError as `loadFactors`
 */
export async function loadWholeUpdate(
  module: LoraModule,
  readTensor: ReadTensor,
  signal?: AbortSignal,
): Promise<Float64Array> {
  const reader = new FactorReader(module, readTensor, signal);
  reader.refuseLarge(module.outFeatures * module.inFeatures, module.module);
  if (module.layout !== "kron") {
    const kernel = kernelOf(module, reader);
    return circulantMatrix(kernel, await reader.values(kernel, elementCount(kernel.shape))).data;
  }
  const [x, y] = await kronMatrices(module, reader);
  return kronecker(x, y).data;
}

function kernelOf({ made }: LoraModule, reader: FactorReader): Tensor {
  const kernel = made?.tensors.get("kernel");
  if (kernel === undefined) throw reader.unavailable("ShapeMismatch", "Its kernel is missing.");
  return kernel;
}

function outer(x: Float64Array, y: Float64Array): Float64Array {
  const result = new Float64Array(x.length * y.length);
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < y.length; j++) result[i * y.length + j] = (x[i] as number) * (y[j] as number);
  }
  return result;
}

/**
 * Every value stands once in each of its block's b rows, so that ‖ΔW‖ = √b·‖kernel‖/in. The Fourier transform makes
 * circulant blocks diagonal: the singular values are those of b complex matrices, one of each frequency.
 */
async function circulantParts(module: LoraModule, reader: FactorReader): Promise<LinearParts> {
  const kernel = kernelOf(module, reader);
  const [down = 0, across = 0, size = 0] = kernel.shape;
  const values = await reader.values(kernel, elementCount(kernel.shape));
  const cols = across * size;
  // Each frequency costs the cube of the blocks, and its transform the square of their size.
  const isSmall = 2 * Math.min(down, across) <= largestSide && size <= 1024;
  return {
    arrangement: `${down}×${across}×${size}`,
    vectors: [values],
    weight: Math.sqrt(size) / cols,
    spectrum: isSmall ? () => circulantSpectrum(values, [down, across, size]) : undefined,
  };
}

function circulantSpectrum(
  values: Float64Array,
  [down, across, size]: readonly [number, number, number],
): Float64Array {
  const result: number[] = [];
  const angles = Float64Array.from({ length: size }, (_, at) => (2 * Math.PI * at) / size);
  const [cosines, sines] = [angles.map(Math.cos), angles.map(Math.sin)];
  for (let frequency = 0; 2 * frequency <= size; frequency++) {
    // The frequencies f and b - f are conjugate and have the same singular values.
    const times = frequency === 0 || 2 * frequency === size ? 1 : 2;
    const complex = createMatrix(2 * down, 2 * across);
    for (let block = 0; block < down * across; block++) {
      const [m, n] = [Math.floor(block / across), block % across];
      let [re, im] = [0, 0];
      for (let at = 0; at < size; at++) {
        const angle = (frequency * at) % size;
        const value = values[block * size + at] as number;
        re += value * (cosines[angle] as number);
        im += value * (sines[angle] as number);
      }
      // [re, -im; im, re] has every singular value of the complex matrix twice.
      complex.data[m * complex.cols + n] = re;
      complex.data[(down + m) * complex.cols + across + n] = re;
      complex.data[m * complex.cols + across + n] = -im;
      complex.data[(down + m) * complex.cols + n] = im;
    }
    const found = singularValuesOf(complex);
    for (let k = 0; k < found.length; k += 2) {
      for (let time = 0; time < times; time++) result.push((found[k] as number) / (across * size));
    }
  }
  return Float64Array.from(result);
}
