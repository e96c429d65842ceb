import type { Tensor } from "../tensors/tensor";
import type { AdapterConfig } from "./adapterConfig";
import type { DialectId } from "./dialects/dialect";
import { isTargetParameter } from "./expertNames";
import {
  embeddingLayout,
  type FactorLayout,
  type FactorTensors,
  ggufLayout,
  mismatch,
  mlxLayout,
  standardLayout,
  transposedLayout,
} from "./factorLayout";

/** What else is known of a module when the shapes of its factors are read. */
export interface FormContext {
  readonly module: string;
  readonly dialect: DialectId;
  readonly config: AdapterConfig | undefined;
  readonly isEmbedding: boolean;
  /** The rank that the configuration gives the module. */
  readonly announcedRank: number | undefined;
  /** PEFT wrapped several parameters of one module into each other, which it does for experts only. */
  readonly isNested: boolean;
  /** Other modules of the file can only be read transposed. */
  readonly isTransposed: boolean;
  /** QALoRA's A takes groups of inputs: see `arePooled`. */
  readonly isPooled: boolean;
}

/**
 * How the factors of one module lie, by their shapes and the configuration. Several where the module is a fused layer
 * with one update a part.
 * @throws LayoutError
 */
export function formsOf(factors: FactorTensors, context: FormContext): readonly FactorLayout[] {
  const { dialect, isEmbedding, config } = context;
  const { a, b } = factors;
  if (isEmbedding) return [embeddingLayout(factors)];
  const experts = stackedExperts(a, b, context);
  if (experts !== undefined) return [experts];
  if (dialect === "mlx") return [mlxLayout(factors)];
  if (dialect === "gguf") return [ggufLayout(factors)];
  const blocks = blockLayout(a, b, context);
  if (blocks !== undefined) return [blocks];
  const slices = slicesOf(a, b, context);
  if (slices.length > 0) return slices;
  if (isStoredTransposed(factors, context)) return [transposedLayout(factors)];
  const plain = standardLayout(factors);
  return [
    fusedExperts(plain, context) ??
      (context.isPooled ? pooled(plain, config?.qaloraGroupSize) : undefined) ??
      plain,
  ];
}

/** [E, r, in] with [E, out, r], or [E, in, r] with [E, r, out]. A convolution over one axis has three axes, too. */
function stackedExperts(
  a: Tensor,
  b: Tensor,
  { module, announcedRank }: FormContext,
): FactorLayout | undefined {
  if (a.shape.length !== 3 || b.shape.length !== 3) return undefined;
  const [expertsOfA, second, third] = a.shape as [number, number, number];
  const [expertsOfB, secondOfB, thirdOfB] = b.shape as [number, number, number];
  const isConvolution = secondOfB === expertsOfA && thirdOfB === 1;
  if (isConvolution && !/expert|moe|switch_mlp/i.test(module)) return undefined;
  if (expertsOfA !== expertsOfB && expertsOfA !== 1 && expertsOfB !== 1) return undefined;
  const count = Math.max(expertsOfA, expertsOfB);
  const isStacked = second === thirdOfB;
  const isGrouped = third === secondOfB;
  if (!isStacked && !isGrouped) return undefined;
  const isGroupedOnly = isGrouped && (!isStacked || (announcedRank === third && announcedRank !== second));
  return isGroupedOnly
    ? {
        layout: "experts",
        rank: third,
        inFeatures: second,
        outFeatures: thirdOfB,
        experts: { count, order: "grouped" },
      }
    : {
        layout: "experts",
        rank: second,
        inFeatures: third,
        outFeatures: secondOfB,
        experts: { count, order: "stacked" },
      };
}

/**
 * PEFT's `target_parameters` adapt the fused weights of E experts with A [r·E, in] and B [out, r·E]: the rank of the
 * tensors is E times the configured one.
 */
function fusedExperts(
  plain: FactorLayout,
  { module, config, announcedRank, isNested }: FormContext,
): FactorLayout | undefined {
  if (plain.layout !== "linear" || !(isNested || isTargetParameter(module, config))) return undefined;
  const order = config?.expertColumns === "grouped_by_expert" ? "fused-by-expert" : "fused";
  const isDivisible = announcedRank !== undefined && announcedRank > 0 && plain.rank % announcedRank === 0;
  if (!isDivisible) {
    return isNested ? { ...plain, layout: "experts", experts: { count: undefined, order } } : undefined;
  }
  const count = plain.rank / announcedRank;
  if (count === 1 && !isNested) return undefined;
  return { ...plain, layout: "experts", rank: announcedRank, experts: { count, order } };
}

function pooled(plain: FactorLayout, groupSize: number | undefined): FactorLayout | undefined {
  if (groupSize === undefined || groupSize < 1 || plain.layout !== "linear") return undefined;
  return { ...plain, layout: "pooled", inFeatures: plain.inFeatures * groupSize, groupSize };
}

/**
 * Whether QALoRA's A takes the average of each group of inputs. PEFT makes it so over layers of GPTQ alone and an
 * ordinary LoRA over all others, whatever the configuration says. A hidden width that is the inputs of one module is the
 * outputs of another: that tells whether A has as many columns as there are inputs. Query, key and value in one, all of
 * one width, say it by themselves.
 */
export function arePooled(
  pairs: readonly { readonly a: Tensor; readonly b: Tensor }[],
  groupSize: number | undefined,
): boolean {
  if (groupSize === undefined) return false;
  const fused = pairs.filter(({ a }) => threeInOne.test(a.name));
  const ofThirds = (times: number) => fused.some(({ a, b }) => (a.shape[1] ?? 0) * times * 3 === b.shape[0]);
  if (ofThirds(1) || ofThirds(groupSize)) return !ofThirds(1);
  const outputs = new Set(pairs.map(({ b }) => b.shape[0]));
  const count = (times: number) => pairs.filter(({ a }) => outputs.has((a.shape[1] ?? 0) * times)).length;
  return count(1) === 0 || count(groupSize) > 0;
}

/** Layers of query, key and value together. */
const threeInOne = /\.(?:c_attn|query_key_value|Wqkv)\./;

/** BD-LoRA keeps A as [r, in / n] or B as [out, r / n]: n blocks, one below the other. */
function blockLayout(a: Tensor, b: Tensor, { config, module }: FormContext): FactorLayout | undefined {
  const { count, modulesOfA } = config?.blocks ?? { count: 1, modulesOfA: [] };
  if (count < 2 || a.shape.length !== 2 || b.shape.length !== 2) return undefined;
  const [rank, inFeatures] = a.shape as [number, number];
  const [outFeatures, rankOfB] = b.shape as [number, number];
  if (rankOfB * count === rank && outFeatures % count === 0)
    return { layout: "blocks", rank, inFeatures, outFeatures, blocks: { ofA: 1, ofB: count } };
  const target = module.slice(module.lastIndexOf(".") + 1);
  const isOfA = modulesOfA.some((name) => target.includes(name));
  if (!isOfA || rankOfB !== rank || rank % count !== 0) return undefined;
  return {
    layout: "blocks",
    rank,
    inFeatures: inFeatures * count,
    outFeatures,
    blocks: { ofA: count, ofB: 1 },
  };
}

const queryKeyValue = ["q", "k", "v"];

/** A fused layer with one product a part: A [r·k, in], B [Σ outputs, r], in early PEFT with a last axis of 1. */
function slicesOf(
  a: Tensor,
  b: Tensor,
  { config, dialect, isTransposed }: FormContext,
): readonly FactorLayout[] {
  // The rows of A are its inputs then, which may be several times the outputs of B.
  if (isTransposed && b.shape.length === 2 && a.shape[1] === b.shape[0]) return [];
  const isGroupedConvolution = b.shape.length === 3 && b.shape[2] === 1;
  if (a.shape.length !== 2 || !(isGroupedConvolution || (dialect === "litgpt" && b.shape.length === 2)))
    return [];
  const [rows, inFeatures] = a.shape as [number, number];
  const [outputs = 0, rank = 0] = b.shape;
  const count = rank === 0 ? 0 : rows / rank;
  if (!Number.isInteger(count) || (count < 2 && !isGroupedConvolution)) return [];
  const sizes = isGroupedConvolution
    ? equalParts(outputs, count)
    : config?.enableLora?.[0] === false
      ? equalParts(outputs, count)
      : attentionParts(outputs, inFeatures, count);
  if (sizes === undefined)
    throw mismatch(a, b, "How its outputs divide into query, key and value is not known.");
  const names = partNames(config?.enableLora, count, isGroupedConvolution);
  let rowOfB = 0;
  return sizes.map((outFeatures, index) => {
    const slice = { part: names[index] as string, rowOfA: index * rank, rowOfB };
    rowOfB += outFeatures;
    return { layout: "slice" as const, rank, inFeatures, outFeatures, slice };
  });
}

function equalParts(outputs: number, count: number): readonly number[] | undefined {
  return outputs % count === 0 ? Array.from({ length: count }, () => outputs / count) : undefined;
}

/** Query has as many outputs as the layer has inputs; key and value may share heads, and are equal. */
function attentionParts(outputs: number, inFeatures: number, count: number): readonly number[] | undefined {
  if (count > 3) return undefined;
  const rest = (outputs - inFeatures) / (count - 1);
  if (!Number.isInteger(rest) || rest < 1 || inFeatures % rest !== 0) return undefined;
  return [inFeatures, ...Array.from({ length: count - 1 }, () => rest)];
}

function partNames(
  enabled: readonly boolean[] | undefined,
  count: number,
  isGroupedConvolution: boolean,
): readonly string[] {
  const indexes = enabled?.flatMap((isOn, index) => (isOn ? [index] : []));
  if (indexes?.length === count && enabled !== undefined) {
    return indexes.map(
      (index) => (enabled.length === 3 ? queryKeyValue[index] : undefined) ?? `part ${index + 1}`,
    );
  }
  // litgpt adapts query and value unless it is told otherwise.
  if (!isGroupedConvolution) return count === 3 ? queryKeyValue : ["q", "v"];
  return Array.from({ length: count }, (_, index) => `part ${index + 1}`);
}

function isStoredTransposed({ a, b, mid }: FactorTensors, context: FormContext): boolean {
  const { announcedRank, isTransposed } = context;
  const canBe =
    a.shape.length === 2 && b.shape.length === 2 && a.shape[1] === b.shape[0] && mid === undefined;
  if (!canBe) return false;
  const rank = a.shape[0] as number;
  const transposedRank = a.shape[1] as number;
  // Of another rank than the configuration says it would be no pair at all, but a slice of one.
  if (b.shape[1] !== rank) return announcedRank === undefined || announcedRank === transposedRank;
  if (announcedRank !== undefined && rank !== transposedRank) {
    return announcedRank === transposedRank && announcedRank !== rank;
  }
  return isTransposed && transposedRank < rank;
}

/**
 * Whether a file's factors can only be read transposed: some modules say so, and none says the contrary. What has
 * another rank then than the configuration says is no pair at all, such as the slice of one process.
 */
export function areStoredTransposed(
  pairs: readonly {
    readonly a: Tensor;
    readonly b: Tensor;
    readonly announcedRank: number | undefined;
  }[],
): boolean {
  const flat = pairs.filter(({ a, b }) => a.shape.length === 2 && b.shape.length === 2);
  const standard = flat.filter(({ a, b }) => a.shape[0] === b.shape[1] && a.shape[1] !== b.shape[0]).length;
  const transposed = flat.filter(
    ({ a, b, announcedRank }) =>
      a.shape[0] !== b.shape[1] &&
      a.shape[1] === b.shape[0] &&
      (announcedRank === undefined || announcedRank === a.shape[1]),
  ).length;
  return transposed > 0 && standard === 0;
}
