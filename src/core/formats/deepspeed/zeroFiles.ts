/** A file that DeepSpeed names by the ranks whose state it holds. */
export interface ZeroFile {
  readonly name: string;
  /** Rank among the processes that share one part of the model (data parallel); 0 where one file serves all. */
  readonly rank: number;
  /** Rank among the parts of the model (tensor and pipeline parallel). */
  readonly modelRank: number;
}

export interface LayerFile {
  readonly name: string;
  readonly layer: number;
  readonly modelRank: number;
}

export interface ExpertFile {
  readonly name: string;
  /** Undefined in old checkpoints, which number experts alone. */
  readonly layer: number | undefined;
  readonly expert: number;
  readonly modelRank: number;
}

/** What the names of a folder of DeepSpeed say (runtime/engine.py `_get_ckpt_name` and its neighbours). */
export interface ZeroFiles {
  readonly optimizer: readonly ZeroFile[];
  readonly model: readonly ZeroFile[];
  /** Model states are one file a rank: the weights are partitioned (ZeRO-3). */
  readonly partitioned: boolean;
  /** Layers of a pipeline, each in a file of its own. */
  readonly layers: readonly LayerFile[];
  readonly experts: readonly ExpertFile[];
  /** Optimizer states of experts where ZeRO is off. */
  readonly expertOptimizers: readonly ZeroFile[];
}

const optimizerName = /^(?:bf16_|fp16_)?zero_pp_rank_(\d{1,7})_mp_rank_(\d{1,5})_?optim_states\.pt$/;
const modelName = /^(?:zero_pp_rank_(\d{1,7})_)?mp_rank_(\d{1,5})_model_states\.pt$/;
const layerName = /^layer_(\d{1,6})-model_(\d{1,5})-model_states\.pt$/;
const expertName = /^(?:layer_(\d{1,6})_)?expert_(\d{1,6})_mp_rank_(\d{1,5})_model_states\.pt$/;
const expertOptimizerName = /^expp_rank_(\d{1,7})_mp_rank_(\d{1,5})_optim_states\.pt$/;

/** Undefined for a folder that holds nothing of DeepSpeed. Ranks are in numeric order: "10" stands after "9". */
export function zeroFiles(names: readonly string[]): ZeroFiles | undefined {
  const optimizer = rankFiles(names, optimizerName);
  const model = rankFiles(names, modelName);
  const layers = names.flatMap((name) => {
    const [, layer, modelRank] = layerName.exec(name) ?? [];
    return layer === undefined ? [] : [{ name, layer: Number(layer), modelRank: Number(modelRank) }];
  });
  const experts = names.flatMap((name) => {
    const [, layer, expert, modelRank] = expertName.exec(name) ?? [];
    if (expert === undefined) return [];
    const place = layer === undefined ? undefined : Number(layer);
    return [{ name, layer: place, expert: Number(expert), modelRank: Number(modelRank) }];
  });
  if (optimizer.length + model.length + layers.length + experts.length === 0) return undefined;
  return {
    optimizer,
    model,
    partitioned: model.some(({ name }) => name.startsWith("zero_")),
    layers: layers.sort((a, b) => a.layer - b.layer || a.modelRank - b.modelRank),
    experts: experts.sort((a, b) => (a.layer ?? 0) - (b.layer ?? 0) || a.expert - b.expert),
    expertOptimizers: rankFiles(names, expertOptimizerName),
  };
}

/** A file that holds the state of one rank, layer or expert, by its name. */
export function isZeroFile(name: string): boolean {
  return [optimizerName, modelName, layerName, expertName, expertOptimizerName].some((pattern) =>
    pattern.test(name),
  );
}

function rankFiles(names: readonly string[], pattern: RegExp): readonly ZeroFile[] {
  return names
    .flatMap((name) => {
      const match = pattern.exec(name);
      return match === null ? [] : [{ name, rank: Number(match[1] ?? 0), modelRank: Number(match[2]) }];
    })
    .sort((a, b) => a.modelRank - b.modelRank || a.rank - b.rank);
}
