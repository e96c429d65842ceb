import type { LoraModule } from "../../adapter/loraModule";
import type { MadeParts } from "../../adapter/madeLayout";
import { createMatrix, type Matrix, vectorNorm } from "../../linalg/matrix";
import { elementCount, type Tensor } from "../../tensors/tensor";
import type { FactorReader } from "../factors";
import { asLowRank, type LowRank } from "./composedMatrices";

/**
 * Exact factors of the update of a method that keeps other tensors than two factors, as PEFT's get_delta_weight forms it
 * (peft/tuners/gralora, delora, vblora, vera and c3a, layer.py).
 */
export function madeFactors(module: LoraModule, made: MadeParts, reader: FactorReader): Promise<LowRank> {
  const of = new MadeReader(module, made, reader);
  switch (module.layout) {
    case "grains":
      return of.grains();
    case "normalised":
      return of.normalised();
    case "bank":
      return of.bank();
    case "scaledRandom":
      return of.scaledRandom();
    default:
      return of.circulant();
  }
}

/** The matrix [rows, columns] of C³A: block (m, n) has at row k and column a the value kernel[m, n, (a - k) mod b] / columns. */
export function circulantMatrix({ shape }: Tensor, kernel: Float64Array): Matrix {
  const [down = 0, across = 0, size = 0] = shape;
  const cols = across * size;
  const result = createMatrix(down * size, cols);
  for (let block = 0; block < down * across; block++) {
    const [m, n] = [Math.floor(block / across), block % across];
    for (let k = 0; k < size; k++) {
      const row = (m * size + k) * cols + n * size;
      for (let a = 0; a < size; a++) {
        result.data[row + a] = (kernel[block * size + ((a - k + size) % size)] as number) / cols;
      }
    }
  }
  return result;
}

/** PEFT's DeLoRA divides by no smaller norms. */
const smallestNorm = 1e-4;

class MadeReader {
  constructor(
    private readonly module: LoraModule,
    private readonly made: MadeParts,
    private readonly reader: FactorReader,
  ) {}

  /**
   * The inputs in block n reach the outputs in block g through r/N components: component (n, g, q) is column
   * g·r/N + q of A[n] and row n·r/N + q of B[g].
   */
  async grains(): Promise<LowRank> {
    const { inFeatures, outFeatures, rank: whole } = this.module;
    const [count = 1, inputs = 0, rank = 0] = this.own("A").shape;
    const outputs = outFeatures / count;
    const each = rank / count;
    const [a, b] = await Promise.all([this.all("A"), this.all("B")]);
    const left = createMatrix(outFeatures, whole);
    const right = createMatrix(whole, inFeatures);
    for (let component = 0; component < count * rank; component++) {
      const n = Math.floor(component / rank);
      const g = Math.floor((component % rank) / each);
      const q = component % each;
      for (let i = 0; i < inputs; i++) {
        right.data[component * inFeatures + n * inputs + i] = a[
          (n * inputs + i) * rank + g * each + q
        ] as number;
      }
      for (let o = 0; o < outputs; o++) {
        left.data[(g * outputs + o) * whole + component] = b[
          (g * rank + n * each + q) * outputs + o
        ] as number;
      }
    }
    if (whole > count * rank) await this.addGeneral(left, right, count * rank);
    return { left, right };
  }

  /** The plain factors beside the blocks (`hybrid_r`). */
  private async addGeneral(left: Matrix, right: Matrix, first: number): Promise<void> {
    const hybrid = right.rows - first;
    const a = await this.reader.matrix(this.own("A_general"), hybrid, right.cols);
    const b = await this.reader.matrix(this.own("B_general"), left.rows, hybrid);
    right.data.set(a.data, first * right.cols);
    for (let o = 0; o < left.rows; o++) {
      left.data.set(b.data.subarray(o * hybrid, (o + 1) * hybrid), o * left.cols + first);
    }
  }

  /** B·diag(λ / r / (‖a_k‖·‖b_k‖))·A·diag(‖w_j‖). */
  async normalised(): Promise<LowRank> {
    const { rank, inFeatures, outFeatures } = this.module;
    const [a, b, lambda, norms] = await Promise.all([
      this.reader.matrix(this.own("A"), rank, inFeatures),
      this.reader.matrix(this.own("B"), outFeatures, rank),
      this.reader.values(this.own("lambda"), 1),
      this.all("w_norm"),
    ]);
    for (let k = 0; k < rank; k++) {
      const normA = Math.max(vectorNorm(a.data, k * inFeatures, (k + 1) * inFeatures), smallestNorm);
      const column = Float64Array.from({ length: outFeatures }, (_, o) => b.data[o * rank + k] as number);
      const normB = Math.max(vectorNorm(column, 0, outFeatures), smallestNorm);
      const strength = (lambda[0] as number) / rank / normA / normB;
      for (let j = 0; j < inFeatures; j++) {
        const at = k * inFeatures + j;
        a.data[at] = (a.data[at] as number) * strength * (norms[j] as number);
      }
    }
    return { left: b, right: a };
  }

  /** Each piece of a factor is a mixture of the vectors with the largest logits, weighted by their softmax. */
  async bank(): Promise<LowRank> {
    const { rank, inFeatures, outFeatures } = this.module;
    const vectors = this.made.shared.get("vector_bank") as Tensor;
    const [count = 0, length = 0] = vectors.shape;
    const bank = await this.reader.matrix(vectors, count, length);
    const tilesIn = inFeatures / length;
    const tilesOut = outFeatures / length;
    const [mixtureA, mixtureB] = await Promise.all([
      this.mixture("logits_A", rank * tilesIn, count),
      this.mixture("logits_B", tilesOut * rank, count),
    ]);
    const right = createMatrix(rank, inFeatures, piecesOf(mixtureA, bank));
    const pieces = piecesOf(mixtureB, bank);
    const left = createMatrix(outFeatures, rank);
    for (let tile = 0; tile < tilesOut; tile++) {
      for (let k = 0; k < rank; k++) {
        for (let v = 0; v < length; v++) {
          left.data[(tile * length + v) * rank + k] = pieces[(tile * rank + k) * length + v] as number;
        }
      }
    }
    return { left, right };
  }

  /** Of each piece, which vectors it is of and how much of each. */
  private async mixture(role: string, pieces: number, count: number): Promise<readonly Mixture[]> {
    const logits = this.made.tensors.get(role);
    if (logits !== undefined) {
      const values = await this.reader.values(logits, pieces * count);
      const topk = Math.min(this.made.topk ?? count, count);
      return Array.from({ length: pieces }, (_, piece) =>
        softmaxOfLargest(values.subarray(piece * count, (piece + 1) * count), topk),
      );
    }
    const places = await this.all(`${role}_topk_indices`);
    const topk = places.length / pieces;
    // The last weight is left out of the file, because all of them make 1.
    const weights =
      topk > 1 ? await this.reader.values(this.own(`${role}_topk_weights`), pieces * (topk - 1)) : places;
    return Array.from({ length: pieces }, (_, piece) => {
      const own = topk > 1 ? [...weights.subarray(piece * (topk - 1), (piece + 1) * (topk - 1))] : [];
      const rest = 1 - own.reduce((sum, weight) => sum + weight, 0);
      return [...own, rest].map((weight, at) => ({ vector: places[piece * topk + at] as number, weight }));
    });
  }

  /** diag(λ_b)·B[:out]·diag(λ_d)·A[:, :in]. */
  async scaledRandom(): Promise<LowRank> {
    const { rank, inFeatures, outFeatures } = this.module;
    const { shared } = this.made;
    const [a, b] = [shared.get("A") as Tensor, shared.get("B") as Tensor];
    const [lambdaB, lambdaD, valuesOfA, valuesOfB] = await Promise.all([
      this.reader.values(this.own("lambda_b"), outFeatures),
      this.reader.values(this.own("lambda_d"), rank),
      this.reader.values(a, elementCount(a.shape)),
      this.reader.values(b, elementCount(b.shape)),
    ]);
    const right = createMatrix(rank, inFeatures, valuesOfA);
    const left = createMatrix(outFeatures, rank, valuesOfB.slice(0, outFeatures * rank));
    for (let at = 0; at < right.data.length; at++) {
      right.data[at] = (right.data[at] as number) * (lambdaD[Math.floor(at / inFeatures)] as number);
    }
    for (let at = 0; at < left.data.length; at++) {
      left.data[at] = (left.data[at] as number) * (lambdaB[Math.floor(at / rank)] as number);
    }
    return { left, right };
  }

  async circulant(): Promise<LowRank> {
    this.reader.refuseLarge(this.module.outFeatures * this.module.inFeatures, this.module.module);
    return asLowRank(circulantMatrix(this.own("kernel"), await this.all("kernel")));
  }

  private own(role: string): Tensor {
    const tensor = this.made.tensors.get(role);
    if (tensor === undefined) throw this.reader.unavailable("ShapeMismatch", `It has no ${role}.`);
    return tensor;
  }

  private all(role: string): Promise<Float64Array> {
    const tensor = this.own(role);
    return this.reader.values(tensor, elementCount(tensor.shape));
  }
}

type Mixture = readonly { readonly vector: number; readonly weight: number }[];

function softmaxOfLargest(logits: Float64Array, topk: number): Mixture {
  const order = [...logits.keys()].sort((x, y) => (logits[y] as number) - (logits[x] as number));
  const chosen = order.slice(0, topk);
  const largest = logits[chosen[0] ?? 0] as number;
  const weights = chosen.map((vector) => Math.exp((logits[vector] as number) - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return chosen.map((vector, at) => ({ vector, weight: (weights[at] as number) / total }));
}

/** The mixed vectors one after another. */
function piecesOf(mixtures: readonly Mixture[], { cols, data }: Matrix): Float64Array {
  const result = new Float64Array(mixtures.length * cols);
  for (const [piece, mixture] of mixtures.entries()) {
    for (const { vector, weight } of mixture) {
      for (let v = 0; v < cols; v++) {
        const at = piece * cols + v;
        result[at] = (result[at] as number) + weight * (data[vector * cols + v] ?? Number.NaN);
      }
    }
  }
  return result;
}
