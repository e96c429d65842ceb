import type { ComposedPart } from "../adapter/composedFactors";
import type { LoraModule } from "../adapter/loraModule";
import { scaleOf } from "../adapter/scaleRules";
import { createMatrix, isFiniteMatrix, type Matrix, storedMatrix, transpose } from "../linalg/matrix";
import { tuckerProduct } from "../linalg/tuckerProduct";
import type { Problem } from "../problem/problem";
import { decodeTensor, UnsupportedDtypeError } from "../tensors/decode";
import { elementCount, type Tensor } from "../tensors/tensor";
import { asLowRank, hadamardFactors, kroneckerFactors, type LowRank } from "./composed/composedMatrices";
import { madeFactors } from "./composed/madeFactors";
import { unitRoundoff } from "./dtypeRounding";

/** One module's update in one orientation, whatever the dialect: ΔW = scale · b · a, out×in. */
export interface Factors {
  /** r×in. A convolution's kernel is part of `in`; a diagonal between the factors is multiplied in. */
  readonly a: Matrix;
  /** out×r. */
  readonly b: Matrix;
  readonly scale: number;
  /** Undefined for dialects without alpha. */
  readonly alpha: number | undefined;
  /** False when a factor or the scale holds NaN or infinities: then no number about ΔW has a meaning. May look at all values. */
  readonly finite: boolean;
  /** Largest relative error of rounding to the dtype they are stored in; undefined where it is not known. */
  readonly rounding?: number;
}

/** Reads the bytes of one tensor, contiguous and little-endian. */
export type ReadTensor = (tensor: Tensor, signal?: AbortSignal) => Promise<Uint8Array>;

export type UnavailableReason = "ShapeMismatch" | "UnsupportedDtype" | "TooLarge" | "ShortData" | "Experts";

/** The update of a module cannot be computed; the message says why, in one sentence. */
export class UpdateUnavailableError extends Error {
  override readonly name = "UpdateUnavailableError";

  constructor(
    readonly code: UnavailableReason,
    readonly module: string,
    message: string,
  ) {
    super(message);
  }

  toProblem(): Problem {
    return { severity: "warning", code: `Update${this.code}`, message: `${this.module}: ${this.message}` };
  }
}

/**
 * A factor of rank 256 over a vocabulary of 256,000 has 64 M values, half a gigabyte as doubles; beyond that a
 * worker would run out of memory.
 */
const maxFactorValues = 64 * 1024 * 1024;

/** The r×r core costs r³: half a minute at 1024, an hour at the full rank of a weight. */
export const maxAnalysedRank = 1024;

/**
 * Reads and orients the factors of a module.
 * @throws UpdateUnavailableError when shapes, dtypes or sizes do not allow it. NaN does not: see `finite`.
 */
export async function loadFactors(
  module: LoraModule,
  readTensor: ReadTensor,
  signal?: AbortSignal,
): Promise<Factors> {
  if (module.layout === "experts") {
    const message = "It holds one update for each expert of a mixture, not a single one.";
    throw new UpdateUnavailableError("Experts", module.module, message);
  }
  const reader = new FactorReader(module, readTensor, signal);
  if (module.rank > maxAnalysedRank) throw reader.tooHigh();
  const [{ alpha, scale }, { a, b }] = await Promise.all([reader.scale(), reader.pair()]);
  const rounding = Math.max(unitRoundoff(module.a.dtype), unitRoundoff(module.b.dtype));
  return {
    a,
    b,
    scale,
    alpha,
    get finite() {
      return Number.isFinite(scale) && isFiniteMatrix(a) && isFiniteMatrix(b);
    },
    rounding,
  };
}

export interface ModuleScale {
  readonly alpha: number | undefined;
  readonly scale: number;
}

/**
 * The scale of a module, read from its alpha tensor where it has one (a few bytes).
 * @throws UpdateUnavailableError when that tensor cannot be decoded.
 */
export function readScale(
  module: LoraModule,
  readTensor: ReadTensor,
  signal?: AbortSignal,
): Promise<ModuleScale> {
  return new FactorReader(module, readTensor, signal).scale();
}

/** Reads the tensors of one module. */
export class FactorReader {
  constructor(
    private readonly module: LoraModule,
    private readonly readTensor: ReadTensor,
    private readonly signal: AbortSignal | undefined,
  ) {}

  async scale(): Promise<ModuleScale> {
    const { alphaTensor, alpha, scale, rank, scaleRank } = this.module;
    if (alphaTensor === undefined) return { alpha, scale: scale ?? 1 };
    const [value] = await this.values(alphaTensor, 1);
    return { alpha: value, scale: scaleOf(value as number, scaleRank ?? rank) };
  }

  tooHigh(): UpdateUnavailableError {
    const message = `Its rank is ${this.module.rank}; updates are analysed up to rank ${maxAnalysedRank}.`;
    return this.unavailable("TooLarge", message);
  }

  async pair(): Promise<{ readonly a: Matrix; readonly b: Matrix }> {
    const { parts, made, layout } = this.module;
    if (made !== undefined) {
      const { left, right } = await madeFactors(this.module, made, this);
      return { a: right, b: left };
    }
    if (parts === undefined) {
      const [a, b] = await Promise.all([this.a(), this.b()]);
      return { a, b };
    }
    const [first, second] = await Promise.all([this.part(parts.first), this.part(parts.second)]);
    const { left, right } =
      layout === "kron" ? kroneckerFactors(first, second) : hadamardFactors(first, second);
    return { a: right, b: left };
  }

  /** One of LoHa's or LoKr's two matrices. */
  async part(part: ComposedPart): Promise<LowRank> {
    const { rows, cols } = part;
    if ("whole" in part) return asLowRank(await this.matrix(part.whole, rows, cols));
    if (part.core !== undefined) {
      const [rank = 0, rankOfRight = 0] = part.core.shape;
      const kernel = elementCount(part.core.shape.slice(2));
      const [left, core, right] = await Promise.all([
        this.matrix(part.left, rank, rows),
        this.values(part.core, rank * rankOfRight * kernel),
        this.matrix(part.right, rankOfRight, cols / kernel),
      ]);
      return { left: transpose(left), right: tuckerProduct(core, rank, right, kernel) };
    }
    const rank = part.left.shape[1] ?? 0;
    const [left, right] = await Promise.all([
      this.matrix(part.left, rows, rank),
      this.matrix(part.right, rank, cols),
    ]);
    return { left, right };
  }

  private async a(): Promise<Matrix> {
    const { layout, rank, diagonal } = this.module;
    const matrix = layout === "tucker" ? await this.tuckerA() : await this.storedA();
    if (diagonal !== undefined) scaleRows(matrix, await this.values(diagonal, rank));
    return matrix;
  }

  private async storedA(): Promise<Matrix> {
    const { a, layout, rank, inFeatures, slice, blocks, groupSize } = this.module;
    if (isTransposed(layout) || layout === "svdV" || (layout === "embedding" && a.shape[0] !== rank)) {
      return transpose(await this.matrix(a, inFeatures, rank));
    }
    if (slice !== undefined) return this.rows(a, slice.rowOfA, rank, inFeatures);
    if (groupSize !== undefined) {
      return spread(await this.matrix(a, rank, inFeatures / groupSize), groupSize);
    }
    const count = blocks?.ofA ?? 1;
    return blockDiagonal(await this.matrix(a, rank, inFeatures / count), count);
  }

  private async b(): Promise<Matrix> {
    const { b, layout, rank, outFeatures, slice, blocks } = this.module;
    if (isTransposed(layout)) return transpose(await this.matrix(b, rank, outFeatures));
    if (slice?.columnsOfB !== undefined) return this.columns(b, slice.columnsOfB, outFeatures, rank);
    if (slice !== undefined) return this.rows(b, slice.rowOfB, outFeatures, rank);
    const count = blocks?.ofB ?? 1;
    return blockDiagonal(await this.matrix(b, outFeatures, rank / count), count);
  }

  private async columns(
    tensor: Tensor,
    { first, step }: { readonly first: number; readonly step: number },
    rows: number,
    cols: number,
  ): Promise<Matrix> {
    const all = await this.values(tensor, rows * cols * step);
    const own = Float64Array.from({ length: rows * cols }, (_, at) => all[first + at * step] as number);
    return createMatrix(rows, cols, own);
  }

  /** Some rows of a tensor whose first axis counts rows. */
  private async rows(tensor: Tensor, first: number, rows: number, cols: number): Promise<Matrix> {
    const all = await this.values(tensor, elementCount(tensor.shape));
    if (all.length < (first + rows) * cols) {
      throw this.unavailable("ShapeMismatch", `${tensor.name} has fewer rows than its module needs.`);
    }
    return createMatrix(rows, cols, all.slice(first * cols, (first + rows) * cols));
  }

  /** The convolution with `mid` [r, r, …kernel] after a pointwise A: Σ_q mid[p, q, k] · a[q, i] at [p, i, k]. */
  private async tuckerA(): Promise<Matrix> {
    const { a, mid, rank, inFeatures } = this.module;
    if (mid === undefined)
      throw this.unavailable("ShapeMismatch", "The tensor between its factors is missing.");
    const kernel = rank === 0 ? 1 : elementCount(mid.shape) / (rank * rank);
    const inputs = inFeatures / kernel;
    const down = await this.matrix(a, rank, inputs);
    const core = await this.values(mid, rank * rank * kernel);
    return tuckerProduct(core, rank, down, kernel);
  }

  async matrix(tensor: Tensor, rows: number, cols: number): Promise<Matrix> {
    const bytes = await this.read(tensor, rows * cols);
    const singles = singlesIn(bytes, tensor.dtype, rows * cols);
    if (singles !== undefined) return storedMatrix(rows, cols, singles);
    return createMatrix(rows, cols, this.decode(bytes, tensor, rows * cols));
  }

  async values(tensor: Tensor, count: number): Promise<Float64Array> {
    const bytes = await this.read(tensor, count);
    const singles = singlesIn(bytes, tensor.dtype, count);
    return singles === undefined ? this.decode(bytes, tensor, count) : new Float64Array(singles);
  }

  private async read(tensor: Tensor, count: number): Promise<Uint8Array> {
    if (elementCount(tensor.shape) !== count) {
      const shape = tensor.shape.join(", ");
      throw this.unavailable(
        "ShapeMismatch",
        `${tensor.name} should hold ${count} values; its shape is [${shape}].`,
      );
    }
    this.refuseLarge(count, tensor.name);
    return this.readTensor(tensor, this.signal);
  }

  private decode(bytes: Uint8Array, tensor: Tensor, count: number): Float64Array {
    try {
      return decodeTensor(bytes, tensor.dtype, count);
    } catch (error) {
      if (error instanceof UnsupportedDtypeError) throw this.unavailable("UnsupportedDtype", error.message);
      if (error instanceof RangeError)
        throw this.unavailable("ShortData", `${tensor.name}: ${error.message}`);
      throw error;
    }
  }

  /** @throws UpdateUnavailableError where they would not fit into memory. */
  refuseLarge(count: number, name: string): void {
    if (count <= maxFactorValues) return;
    throw this.unavailable("TooLarge", `${name} holds ${count} values, more than are loaded at once.`);
  }

  unavailable(code: UnavailableReason, message: string): UpdateUnavailableError {
    return new UpdateUnavailableError(code, this.module.module, message);
  }
}

function isTransposed(layout: LoraModule["layout"]): boolean {
  return layout === "mlx" || layout === "transposed";
}

/**
 * QALoRA feeds A the mean of each group of inputs times the number of groups, so that each column of A stands for all
 * inputs of its group (peft/tuners/lora/variants.py, QALoraLinearVariant).
 */
function spread({ rows, cols: groups, data }: Matrix, groupSize: number): Matrix {
  const factor = groups / groupSize;
  const cols = groups * groupSize;
  const result = createMatrix(rows, cols);
  for (let at = 0; at < rows * cols; at++) {
    result.data[at] = factor * (data[Math.floor(at / groupSize)] as number);
  }
  return result;
}

/** The blocks lie one below the other; on the diagonal each has columns of its own. */
function blockDiagonal(stacked: Matrix, count: number): Matrix {
  if (count === 1) return stacked;
  const { rows, cols: width, data } = stacked;
  const cols = width * count;
  const height = rows / count;
  const result = createMatrix(rows, cols);
  for (let i = 0; i < rows; i++) {
    const from = i * width;
    result.data.set(data.subarray(from, from + width), i * cols + Math.floor(i / height) * width);
  }
  return result;
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** F32 that lies as this machine keeps it. */
function singlesIn(bytes: Uint8Array, dtype: string, count: number): Float32Array | undefined {
  if (dtype !== "F32" || !isLittleEndian || bytes.byteOffset % 4 !== 0 || bytes.byteLength < 4 * count)
    return undefined;
  return new Float32Array(bytes.buffer, bytes.byteOffset, count);
}

function scaleRows(matrix: Matrix, factors: Float64Array): void {
  const { rows, cols, data } = matrix;
  for (let i = 0; i < rows; i++) {
    const factor = factors[i] as number;
    for (let j = i * cols; j < (i + 1) * cols; j++) data[j] = (data[j] as number) * factor;
  }
}
