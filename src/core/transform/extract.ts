import { rangeText } from "../adapter/adapterText";
import { modulePath } from "../adapter/loraKey";
import { readDifference, scanDifference } from "../base/weightDifference";
import { buffer, isPacked, pairWeights, type WeightPair, type WeightPairs } from "../base/weightPairs";
import type { TensorReader } from "../checkpoint/tensorReader";
import { jsonString } from "../json/parseJson";
import { DenseOperator } from "../linalg/denseOperator";
import { createMatrix, type Matrix } from "../linalg/matrix";
import { normals } from "../linalg/normals";
import { randomizedSvd } from "../linalg/randomizedSvd";
import { CheckpointError } from "../problem/checkpointError";
import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import type { LongWork } from "../session/longWork";
import { formatShare, plural } from "../text/quantities";
import type { AdapterOutput, OutputCopy, OutputFactors, OutputModule } from "./adapterOutput";
import { extractionProblems, extractionRefusal } from "./extractionProblems";
import { type ExtractionRule, largestRank, rankOfExtraction, searchSize } from "./extractionRank";
import { savedModuleNames, savedWhole } from "./extractionScope";
import { type AdapterTarget, type WrittenAdapter, writeAdapter } from "./writeAdapter";

export interface ExtractRequest extends LongWork, AdapterTarget {
  readonly base: CheckpointSession;
  readonly tuned: CheckpointSession;
  readonly rule: ExtractionRule;
  /** Passes that sharpen the randomised search; 2 leaves 1e-8 to 2e-3 of the energy unfound (lora.md §3.2). */
  readonly iterations?: number;
  /** Carries embeddings, norms and whatever else changed over whole, as modules_to_save. */
  readonly saveOthers: boolean;
  /** Lets the thread answer others between two products. */
  readonly pause?: () => Promise<void>;
}

/** One module of an extraction. */
export interface ExtractedModule {
  readonly module: string;
  readonly rank: number;
  /** ‖W - W_base‖_F, and the share of its square that the factors hold. */
  readonly norm: number;
  readonly energyKept: number;
  /** Exactly what the search left unfound, as a share of the energy: beyond it no rank of this size could help. */
  readonly unfound: number;
  readonly relativeToBase: number;
  /** Singular values below are rounding of 16-bit weights. */
  readonly noise: number;
  /** As far as they were found. */
  readonly singularValues: Float64Array;
}

export interface ExtractResult extends WrittenAdapter {
  readonly extracted: readonly ExtractedModule[];
  /** Of the whole difference but what is saved whole: of all extracted modules and of what was left out. */
  readonly energyKept: number;
  readonly problems: readonly Problem[];
}

/**
 * Makes an adapter from a model and its fine-tuned version: the leading singular vectors of every difference, found
 * by randomised SVD. Both models are read matrix by matrix; one difference is in memory at a time.
 * @throws CheckpointError `NothingToExtract` when no linear layer of both models differs, `NotExtractable` when something
 * changed that an adapter cannot hold.
 */
export async function extractAdapter(request: ExtractRequest): Promise<ExtractResult> {
  const extraction = new Extraction(request);
  try {
    return await extraction.run();
  } finally {
    await extraction.close();
  }
}

const seed = 20240607;

class Extraction {
  private readonly pairs: WeightPairs;
  private readonly readers: readonly [TensorReader, TensorReader];
  private readonly normal = normals(seed);
  private readonly extracted: ExtractedModule[] = [];
  private squareLeftOut = 0;

  constructor(private readonly request: ExtractRequest) {
    this.pairs = pairWeights(request.base, request.tuned);
    this.readers = [request.base.tensorReader(), request.tuned.tensorReader()];
  }

  async close(): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader.close()));
  }

  async run(): Promise<ExtractResult> {
    const { request } = this;
    const [changed, others] = [await this.changedLinear(), await this.changedOthers()];
    if (changed.length === 0) throw this.nothingToExtract();
    const saved = request.saveOthers ? savedWhole(this.pairs, others) : [];
    const missing = others.filter((pair) => !saved.includes(pair));
    const wholeTensors = new Set(saved.map(({ tuned }) => tuned));
    const refusal = extractionRefusal(this.pairs, changed, missing, wholeTensors, request.saveOthers);
    if (refusal !== undefined)
      throw new CheckpointError("NotExtractable", refusal, undefined, request.tuned.checkpoint.path);
    await this.measureLeftOut(missing);
    const output: AdapterOutput = {
      modules: changed.map((pair) => this.moduleOf(pair)),
      copies: saved.map((pair) => this.copyOf(pair)),
      metadata: new Map([
        ["format", "pt"],
        ["stage", "svd"],
      ]),
      factorsOf: (_, index) => this.factorsOf(changed[index] as WeightPair),
    };
    const written = await writeAdapter({
      ...request,
      output,
      format: "peft",
      sources: [request.base, request.tuned],
      parentConfig: undefined,
      config: this.config(saved),
      provenance: () => this.provenance(),
    });
    const problems = extractionProblems(this.pairs, missing, wholeTensors, this.extracted);
    return { ...written, extracted: this.extracted, energyKept: this.energyKept(), problems };
  }

  /** Linear layers that differ. A module that did not change needs no factors. */
  private async changedLinear(): Promise<WeightPair[]> {
    const changed: WeightPair[] = [];
    for (const [index, pair] of this.pairs.linear.entries()) {
      this.step(index, this.pairs.linear.length, `Comparing ${pair.module}`);
      if (await this.differs(pair)) changed.push(pair);
    }
    return changed;
  }

  private async changedOthers(): Promise<WeightPair[]> {
    const changed: WeightPair[] = [];
    for (const pair of this.pairs.others)
      if (!buffer.test(pair.tuned.name) && (await this.differs(pair))) changed.push(pair);
    return changed;
  }

  /** Reads until the first difference, which is nearly always in the first piece. */
  private async differs({ base, tuned }: WeightPair): Promise<boolean> {
    if (base.dtype !== tuned.dtype) {
      if (isPacked(base) || isPacked(tuned)) return true;
      const numbers = await scanDifference({ module: "", base, tuned }, this.readBase, this.readTuned);
      return numbers.norm > 0 || !numbers.finite;
    }
    const piece = 4 * 1024 * 1024;
    for (let offset = 0; offset < tuned.byteSize; offset += piece) {
      const length = Math.min(piece, tuned.byteSize - offset);
      const [x, y] = await Promise.all([
        this.readBase(base, offset, length),
        this.readTuned(tuned, offset, length),
      ]);
      if (!isEqual(x, y)) return true;
    }
    return false;
  }

  /** What is neither decomposed nor saved is part of the difference all the same. */
  private async measureLeftOut(missing: readonly WeightPair[]): Promise<void> {
    for (const pair of missing) {
      this.step(0, 1, `Measuring ${pair.module}`);
      const { norm } = await scanDifference(pair, this.readBase, this.readTuned);
      this.squareLeftOut += norm * norm;
    }
  }

  private readonly readBase = (tensor: WeightPair["base"], offset: number, length: number) =>
    this.readers[0].readRange(tensor, offset, length, this.request.signal);

  private readonly readTuned = (tensor: WeightPair["base"], offset: number, length: number) =>
    this.readers[1].readRange(tensor, offset, length, this.request.signal);

  private step(done: number, total: number, label: string): void {
    this.request.signal?.throwIfAborted();
    this.request.report?.(done, total, label);
  }

  private moduleOf({ module, tuned }: WeightPair): OutputModule {
    const [outFeatures = 0, inFeatures = 0] = tuned.shape;
    return {
      module,
      inFeatures,
      outFeatures,
      maxRank: Math.min(largestRank(this.request.rule), outFeatures, inFeatures),
      dtype: this.request.dtype ?? "F32",
      form: { kind: "linear" },
    };
  }

  private copyOf({ base, tuned }: WeightPair): OutputCopy {
    return {
      name: `base_model.model.${modulePath(base.name)}`,
      tensor: tuned,
      read: (offset, length) => this.readTuned(tuned, offset, length),
    };
  }

  private async factorsOf(pair: WeightPair): Promise<OutputFactors> {
    const { rule, iterations = 2, pause, signal } = this.request;
    const difference = await readDifference(pair, this.readBase, this.readTuned);
    if (!difference.finite) {
      throw new CheckpointError("NotFinite", `${pair.module} holds NaN or infinity in one of the models.`);
    }
    const { rows, cols, data, norm } = difference;
    const operator = new DenseOperator(rows, cols, data, async () => {
      await pause?.();
      signal?.throwIfAborted();
    });
    const size = searchSize(largestRank(rule));
    const { left, values, right } = await randomizedSvd(operator, { size, iterations, normal: this.normal });
    const rank = rankOfExtraction(rule, values, difference);
    const kept = squares(values.subarray(0, rank));
    this.extracted.push({
      module: pair.module,
      rank,
      norm,
      energyKept: norm === 0 ? 1 : Math.min(kept / (norm * norm), 1),
      unfound: norm === 0 ? 0 : Math.max(1 - squares(values) / (norm * norm), 0),
      relativeToBase: difference.baseNorm === 0 ? Number.NaN : norm / difference.baseNorm,
      noise: difference.noise,
      singularValues: values,
    });
    return {
      a: scaledRows(right, values, rank),
      b: scaledColumns(left, values, rank),
      scale: 1,
      norm: Math.sqrt(kept),
    };
  }

  private energyKept(): number {
    const total = this.extracted.reduce((sum, { norm }) => sum + norm * norm, this.squareLeftOut);
    const kept = this.extracted.reduce((sum, { norm, energyKept }) => sum + energyKept * norm * norm, 0);
    return total === 0 ? 1 : kept / total;
  }

  private config(saved: readonly WeightPair[]): Readonly<Record<string, unknown>> {
    const { base } = this.request;
    const name = jsonString(base.folder.config?.value.get("_name_or_path"));
    const savedModules = savedModuleNames(saved);
    return {
      base_model_name_or_path: name === undefined || name === "" ? base.identity : name,
      ...(savedModules.length > 0 ? { modules_to_save: savedModules } : {}),
    };
  }

  private provenance() {
    const { base, tuned, rule, iterations = 2, toolVersion, now } = this.request;
    const ranks = rangeText(this.extracted.map(({ rank }) => rank));
    const energyKept = this.energyKept();
    return {
      stage: "svd",
      note: `Rank ${ranks} of the difference of two models by randomised SVD; ${formatShare(energyKept)} of its energy, error ${formatShare(Math.sqrt(1 - energyKept))}.`,
      createdBy: `checkpoint-explorer ${toolVersion}`,
      createdAt: now,
      parent: tuned.identity,
      method: { name: "randomized-svd", ...rule, iterations, base: base.identity },
      energyKept,
      modules: Object.fromEntries(
        this.extracted.map((each) => [each.module, { rank: each.rank, energyKept: each.energyKept }]),
      ),
    };
  }

  private nothingToExtract(): CheckpointError {
    const { linear } = this.pairs;
    const message =
      linear.length === 0
        ? "The two models have no linear layer of one name and shape in common."
        : `All ${plural(linear.length, "linear layer")} of the two models are equal.`;
    return new CheckpointError("NothingToExtract", message, undefined, this.request.tuned.checkpoint.path);
  }
}

function isEqual(x: Uint8Array, y: Uint8Array): boolean {
  for (let at = 0; at < x.length; at++) if (x[at] !== y[at]) return false;
  return true;
}

function squares(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}

/** √σ_k · row k, for the first rows. */
function scaledRows(vectors: Matrix, values: Float64Array, rank: number): Matrix {
  const { cols } = vectors;
  const result = createMatrix(rank, cols);
  for (let k = 0; k < rank; k++) {
    const weight = Math.sqrt(values[k] as number);
    for (let j = 0; j < cols; j++) {
      result.data[k * cols + j] = weight * (vectors.data[k * cols + j] as number);
    }
  }
  return result;
}

/** The same as columns. */
function scaledColumns(vectors: Matrix, values: Float64Array, rank: number): Matrix {
  const { cols: rows } = vectors;
  const result = createMatrix(rows, rank);
  for (let k = 0; k < rank; k++) {
    const weight = Math.sqrt(values[k] as number);
    for (let i = 0; i < rows; i++)
      result.data[i * rank + k] = weight * (vectors.data[k * rows + i] as number);
  }
  return result;
}
