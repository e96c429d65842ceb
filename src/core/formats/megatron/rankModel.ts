import { maxListedFiles } from "../../problem/limits";
import type { Tensor } from "../../tensors/tensor";
import type { MapValue } from "../contentValue";
import { mappingOf, membersOf, numberOf } from "../contentView";
import type { FileContent } from "../format";
import type { ParameterState } from "./rankOptimizer";

/** One rank's folder, by its name: which slice and which part of the model it holds. */
export interface RankPlace {
  readonly folder: string;
  readonly tensor: number;
  readonly pipeline: number;
  readonly expert: number;
}

const rankFolder = /^mp_rank_(\d{1,5})(?:_(\d{1,5}))?(?:_(\d{1,5}))?$/;

export function isRankFolder(name: string): boolean {
  return rankFolder.test(name);
}

/** A second number alone is the pipeline's rank, or the experts' where there is no pipeline. */
export function rankPlaces(names: readonly string[], hasPipeline: boolean): readonly RankPlace[] {
  return names.slice(0, maxListedFiles).flatMap((folder) => {
    const [, tensor, second, third] = rankFolder.exec(folder) ?? [];
    if (tensor === undefined) return [];
    const isExpert = third === undefined && !hasPipeline;
    return [
      {
        folder,
        tensor: Number(tensor),
        pipeline: isExpert ? 0 : Number(second ?? 0),
        expert: Number((isExpert ? second : third) ?? 0),
      },
    ];
  });
}

/** What Megatron's arguments say of how the model was cut. */
export interface MegatronSettings {
  readonly tensorSize: number;
  readonly pipelineSize: number;
  readonly expertSize: number;
  readonly layers: number | undefined;
  readonly gated: boolean | undefined;
  readonly version: number;
  readonly iteration: number | undefined;
}

export function megatronSettings(content: FileContent): MegatronSettings {
  const root = mappingOf(content.root);
  const args = membersOf(root?.get("args"));
  const size = (key: string) => {
    const count = numberOf(args?.get(key));
    return count !== undefined && Number.isSafeInteger(count) && count > 0 && count < 100_000 ? count : 1;
  };
  return {
    tensorSize: size("tensor_model_parallel_size"),
    pipelineSize: size("pipeline_model_parallel_size"),
    expertSize: size("expert_model_parallel_size"),
    layers: numberOf(args?.get("num_layers")),
    gated: gatedBy(args),
    version: numberOf(root?.get("checkpoint_version")) ?? 0,
    iteration: numberOf(root?.get("iteration")),
  };
}

const gatedKeys = ["swiglu", "gated_linear_unit"] as const;

function gatedBy(args: MapValue | undefined): boolean | undefined {
  const told = gatedKeys.map((key) => args?.get(key));
  if (told.includes(true)) return true;
  // Before there were gated MLPs there were no arguments for them, but one for the width of the MLP.
  if (told.includes(false)) return false;
  return undefined;
}

/** A part of the model that a rank holds: one, or several that take turns (virtual pipeline stages). */
export interface ModelChunk {
  readonly turn: number;
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** What the optimizer keeps of them; undefined where it does not tell of what it is. */
  readonly states?: ReadonlyMap<string, ParameterState>;
}

const chunkName = /^model(\d{0,4})\.(.+)$/;

/** The tensors of a rank's model by the path in it; random states and what Transformer Engine keeps are left out. */
export function modelChunks(tensors: readonly Tensor[]): readonly ModelChunk[] {
  const chunks = new Map<number, Map<string, Tensor>>();
  for (const tensor of tensors) {
    const [, turn, name] = chunkName.exec(tensor.name) ?? [];
    if (name === undefined || name.endsWith("._extra_state")) continue;
    const number = Number(turn === "" ? 0 : turn);
    const known = chunks.get(number) ?? new Map<string, Tensor>();
    known.set(name, tensor);
    chunks.set(number, known);
  }
  return [...chunks].sort(([a], [b]) => a - b).map(([turn, own]) => ({ turn, tensors: own }));
}
