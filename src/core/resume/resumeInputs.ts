import type { OptimizerState } from "../optimizer/optimizerState";
import type { Tensor } from "../tensors/tensor";
import type { LayoutFindings } from "./layoutFindings";

/** What was found of a checkpoint, on which its checks rest. Nothing here is a judgement yet. */
export interface ResumeInputs {
  /** Name of the folder, or of the file that holds everything. */
  readonly name: string;
  readonly kind: "folder" | "file";
  readonly model: ModelInputs | undefined;
  readonly average?: AverageInputs | undefined;
  readonly optimizer: OptimizerInputs | undefined;
  readonly schedulers: readonly SchedulerInputs[];
  readonly random: RandomInputs;
  readonly scaler: { readonly place: string; readonly scale: number | undefined } | undefined;
  /** Whether the loss was scaled in training; undefined where nothing tells. */
  readonly precision: { readonly name: "fp16" | "bf16" | "fp32"; readonly place: string } | undefined;
  readonly warmup?: { readonly steps: number; readonly place: string } | undefined;
  /** An optimizer that the training arguments ask for by name, where that is no default. */
  readonly asked?: { readonly name: string; readonly place: string } | undefined;
  /** Processes that trained; undefined where nothing tells. */
  readonly worldSize: { readonly count: number; readonly place: string } | undefined;
  readonly progress: ProgressInputs | undefined;
  /** What a layout of its own says in place of the usual files. */
  readonly layout: LayoutFindings | undefined;
  /** Of the folder's or the file's name. */
  readonly namedStep: number | undefined;
  /** Scripts on accelerate go on from the step that the folder's name says: nothing else in it counts steps. */
  readonly goesByName?: boolean;
  /** Files that cannot be loaded, each with the reason. */
  readonly broken: readonly BrokenFile[];
  /** Names of the files that were opened and are whole. */
  readonly whole: readonly string[];
  /** What names and sizes say about shards, in sentences; empty where all are there. */
  readonly missingShards: readonly string[];
  /** What the files of ranks that were joined count differently: a sentence. */
  readonly mixedSteps?: string | undefined;
  readonly shardCount: number;
}

export interface ModelInputs {
  readonly place: string;
  readonly tensors: readonly Tensor[];
  readonly inModelOrder: boolean;
  readonly isAdapter: boolean;
  /** Folders of further modules, as sentence-transformers writes them; their weights are not among `tensors`. */
  readonly moduleFolders?: readonly string[];
}

/** A moving average that lies in a folder of its own. */
export interface AverageInputs extends Pick<ModelInputs, "place" | "tensors"> {
  /** The model that was averaged. */
  readonly of: ModelInputs;
}

export interface OptimizerInputs {
  readonly place: string;
  readonly states: readonly OptimizerState[];
  /** By optimizer: the steps that its parameters count; undefined where none is kept or readable. */
  readonly steps: readonly (StepRange | undefined)[];
  /** What a look at some moments speaks against them, in a sentence. */
  readonly doubt?: string | undefined;
}

export interface StepRange {
  readonly least: number;
  readonly most: number;
  /** Parameters that were looked at, of those that count steps. */
  readonly looked: number;
  readonly counting: number;
  /** One count for all parameters, which is the step of the training. */
  readonly once?: true;
}

export interface SchedulerInputs {
  readonly place: string;
  /** Its own count of steps, `last_epoch`; of whatever it counts. */
  readonly step: number | undefined;
  readonly learningRates: readonly number[];
  /** `base_lrs`: those that it began with, one for each group. */
  readonly baseRates?: readonly number[];
  /** OneCycleLR: steps that it was made for, beyond which it raises. */
  readonly total?: number;
  /** ReduceLROnPlateau: it is stepped with each measured metric, and its count is no one of steps. */
  readonly countsEvaluations?: true;
}

export interface RandomInputs {
  /** Process numbers of which a state is there; a single `rng_state.pth` is process 0. */
  readonly ranks: readonly number[];
  /** Where they are, e.g. "rng_state_0.pth"; empty without any. */
  readonly places: readonly string[];
}

export interface ProgressInputs {
  readonly place: string;
  readonly step: number | undefined;
  readonly epoch: number | undefined;
  readonly episode?: number | undefined;
  /** The step may be one of an environment or a loop, and not of an optimizer. */
  readonly countsOther?: true;
  /** A callback ended the training before its planned steps. */
  readonly stoppedEarly?: true;
  /** Which one, and why, where that is kept. */
  readonly stoppedBy?: { readonly callback: string; readonly why: string } | undefined;
  /** The learning rate that was logged at this very step, where the one before it was another. */
  readonly loggedRate?: number | undefined;
  /** Steps that the training was to make in all, where that is kept. */
  readonly planned?: number | undefined;
  /** What the file that says so contradicts itself in, or another file, in sentences. */
  readonly doubts?: readonly string[];
  /** Epochs that it was to make in all. */
  readonly plannedEpochs?: number | undefined;
  /** Epochs that were made, where the epoch itself is counted from 0. */
  readonly epochsMade?: number | undefined;
  /** Where an epoch ends though there is more data. */
  readonly maxEpochSteps?: number | undefined;
}

export type PartRole =
  | "parameters"
  | "average"
  | "optimizer"
  | "scheduler"
  | "random"
  | "scaler"
  | "progress"
  | "other";

export interface BrokenFile {
  readonly name: string;
  readonly role: PartRole;
  /** A sentence without the file's name, e.g. "is cut at byte 16,725: the archive has no directory". */
  readonly reason: string;
  /** Nothing is wrong with it but that it is more than is read here. */
  readonly isBeyondLimit?: boolean;
  /** It is whole, and some of its values are NaN or infinite. */
  readonly isDiverged?: true;
  /** Its loader stops at it, whatever else of the folder is there. */
  readonly stopsLoader?: true;
}
