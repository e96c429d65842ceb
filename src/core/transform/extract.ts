import { rangeText } from "../adapter/adapterText";
import { modulePath } from "../adapter/loraKey";
import { scanDifference } from "../base/weightDifference";
import { buffer, isPacked, pairWeights, type WeightPair, type WeightPairs } from "../base/weightPairs";
import type { TensorReader } from "../checkpoint/tensorReader";
import { parseModelConfig } from "../health/config/modelConfig";
import { jsonString } from "../json/parseJson";
import { transpose } from "../linalg/matrix";
import { normals } from "../linalg/normals";
import { loadedName } from "../names/savedNames";
import { CheckpointError } from "../problem/checkpointError";
import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import { formatShare, plural } from "../text/quantities";
import type { AdapterOutput, OutputCopy, OutputFactors, OutputModule } from "./adapterOutput";
import { paddedFactors } from "./dialect/dialectOutput";
import { extractionProblems, extractionRefusal } from "./extractionProblems";
import { type ExtractionRule, largestRank } from "./extractionRank";
import { savedModuleNames, savedWhole } from "./extractionScope";
import { type ExtractedModule, searchStart, squares } from "./extractModule";
import { FactorQueue, type FactorTask, type FactorWork, type MadeFactors } from "./factorQueue";
import { tiedTo } from "./model/tiedEmbedding";
import { type AdapterTarget, type WrittenAdapter, writeAdapter } from "./writeAdapter";

export interface ExtractRequest extends FactorWork, AdapterTarget {
  readonly base: CheckpointSession;
  readonly tuned: CheckpointSession;
  readonly rule: ExtractionRule;
  /** Passes that sharpen the randomised search; 2 leaves 1e-8 to 2e-3 of the energy unfound (lora.md §3.2). */
  readonly iterations?: number;
  /** Carries embeddings, norms and whatever else changed over whole, as modules_to_save. */
  readonly saveOthers: boolean;
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

const router = /(?:^|\.)(?:block_sparse_moe|mlp|moe|feed_forward)\.(?:gate|router)$/;
const conv1d = /\.(?:c_attn|c_proj|c_fc|q_attn)$/;
const seed = 20240607;

class Extraction {
  private readonly pairs: WeightPairs;
  private readonly readers: readonly [TensorReader, TensorReader];
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
    const whole = request.saveOthers ? savedWhole(this.pairs, others) : [];
    const heads = this.tiedHeads(whole);
    const saved = [...whole, ...heads];
    const missing = others.filter((pair) => !saved.includes(pair));
    const wholeTensors = new Set(saved.map(({ tuned }) => tuned));
    const refusal = extractionRefusal(this.pairs, changed, missing, wholeTensors, request.saveOthers);
    if (refusal !== undefined)
      throw new CheckpointError("NotExtractable", refusal, undefined, request.tuned.checkpoint.path);
    await this.measureLeftOut(missing);
    const sources = [request.base, request.tuned];
    const made = new FactorQueue(request, this.tasks(changed), sources);
    const output: AdapterOutput = {
      modules: changed.map((pair) => this.moduleOf(pair)),
      copies: saved.map((pair) => this.copyOf(pair)),
      metadata: new Map([
        ["format", "pt"],
        ["stage", "svd"],
      ]),
      factorsOf: async (_, index) => this.take(changed[index] as WeightPair, await made.next()),
    };
    const written = await writeAdapter({
      ...request,
      output,
      format: "peft",
      sources,
      parentConfig: undefined,
      config: this.config(saved),
      provenance: () => this.provenance(),
    }).finally(() => made.end());
    const problems = extractionProblems(
      this.pairs,
      missing,
      wholeTensors,
      this.extracted,
      heads.length > 0 ? undefined : request.base.checkpoint.tensors,
    );
    return { ...written, extracted: this.extracted, energyKept: this.energyKept(), problems };
  }

  /**
   * The heads that are tied to embeddings which are saved whole. PEFT puts what is saved beside the base's own and leaves
   * the head tied to that: it is saved with the same values.
   */
  private tiedHeads(saved: readonly WeightPair[]): readonly WeightPair[] {
    const { base, tuned } = this.request;
    if (saved.some((pair) => /(?:^|\.)lm_head\.weight$/.test(pair.tuned.name))) return [];
    return saved.flatMap((pair) => {
      const head = tiedTo(pair.base.name, base);
      if (head === "unknown") {
        const message = `${pair.tuned.name} changed, which is the weight of other modules of the model as well. PEFT saves a module by itself and would leave these as the base has them.`;
        throw new CheckpointError("NotExtractable", message, undefined, tuned.checkpoint.path);
      }
      if (head === undefined) return [];
      return [{ module: head, base: { ...pair.base, name: `${head}.weight` }, tuned: pair.tuned }];
    });
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

  private moduleOf(pair: WeightPair): OutputModule {
    const [rows = 0, columns = 0] = pair.tuned.shape;
    const [outFeatures, inFeatures] = this.isTurned(pair) ? [columns, rows] : [rows, columns];
    return {
      module: this.nameOf(pair.module),
      inFeatures,
      outFeatures,
      maxRank: this.paddedRank(pair) ?? Math.min(largestRank(this.request.rule), outFeatures, inFeatures),
      dtype: this.request.dtype ?? "F32",
      form: { kind: "linear" },
    };
  }

  private copyOf({ base, tuned }: WeightPair): OutputCopy {
    return {
      name: `base_model.model.${this.nameOf(modulePath(base.name))}`,
      tensor: tuned,
      read: (offset, length) => this.readTuned(tuned, offset, length),
    };
  }

  private *tasks(changed: readonly WeightPair[]): Iterable<FactorTask> {
    const { rule, iterations = 2 } = this.request;
    const normal = normals(seed);
    for (const pair of changed)
      yield { kind: "extract", pair, rule, iterations, start: searchStart(pair, rule, normal) };
  }

  private take(pair: WeightPair, { factors, extracted }: MadeFactors): OutputFactors {
    if (factors === undefined || extracted === undefined)
      throw new CheckpointError("NotFinite", `${pair.module} holds NaN or infinity in one of the models.`);
    this.extracted.push(extracted);
    const norm = Math.sqrt(squares(extracted.singularValues.subarray(0, extracted.rank)));
    const { a, b } = paddedFactors(factors, this.paddedRank(pair) ?? extracted.rank);
    const turned = this.isTurned(pair) ? { a: transpose(b), b: transpose(a) } : { a, b };
    return { ...turned, scale: 1, norm };
  }

  /**
   * PEFT 0.21 wraps the weight of a router as a parameter of transformers 5, under whose path it finds no rank_pattern
   * that names the module: the router gets the rank of all others.
   */
  private paddedRank({ module }: WeightPair): number | undefined {
    const { rule } = this.request;
    return rule.kind === "rank" && router.test(module) ? rule.rank : undefined;
  }

  private nameOf(module: string): string {
    return loadedName(module, jsonString(this.request.base.folder.config?.value.get("model_type")));
  }

  /** GPT-2's Conv1D keeps its weights [in, out]. */
  private isTurned({ module }: WeightPair): boolean {
    const config = this.request.base.folder.config?.value;
    return config !== undefined && parseModelConfig(config).isConv1d && conv1d.test(module);
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
      ...(this.pairs.linear.some((pair) => this.isTurned(pair)) ? { fan_in_fan_out: true } : {}),
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
