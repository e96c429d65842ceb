import type { SettingsGroup } from "../content/settingsSections";
import type { CheckpointFile } from "../formats/checkpointFile";
import type { LoadAdvice } from "../formats/folderFormat";
import type { FormatId } from "../formats/format";
import type { ImportFinding } from "../formats/importFinding";
import type { Problem } from "../problem/problem";
import type { RankMap } from "./rankMap";

/** What a checkpoint is for; the contract of the command line uses the same words. */
export type CheckpointKind =
  | "model"
  | "adapter"
  /** A full model with unmerged or built-in adapters. */
  | "model-with-adapter"
  | "optimizer"
  | "training-checkpoint"
  | "scheduler"
  | "rng-state"
  | "scaler"
  | "training-args"
  /** One process's parts of something larger, which `wholeModel` leads to. */
  | "piece"
  /** Values that were logged, and nothing else. */
  | "history"
  /** Tensors or other values that are no model and no state of a training: a data set, a vocabulary. */
  | "data"
  | "unknown";

/** Everything the header and the Overview say about a checkpoint, ready to be shown. Plain data. */
export interface CheckpointSummary {
  readonly path: string;
  readonly name: string;
  readonly format: FormatId;
  readonly formatLabel: string;
  readonly kind: CheckpointKind;
  /** The answer to "what is this file?", most important first, e.g. ["LoRA adapter", "rank 8", …]. */
  readonly headline: readonly string[];
  /** Bytes of all files of the checkpoint's weights. */
  readonly fileBytes: number;
  readonly tensorCount: number;
  readonly tensorBytes: number;
  readonly parameterCount: number;
  readonly dtypes: readonly DtypeShare[];
  /** Composition by the first module level that tells something; largest first, the tail summed up. */
  readonly composition: readonly ModuleShare[];
  readonly files: readonly CheckpointFile[];
  /** The opened file is one shard of a model, whose index lies beside it. */
  readonly wholeModel?: { readonly path: string; readonly message: string };
  readonly parts: readonly PartSummary[];
  readonly missingParts: readonly AbsentPart[];
  readonly resumable: Resumable;
  readonly metadata: readonly (readonly [key: string, value: string])[];
  /** config.json and adapter_config.json beside the weights, flattened to rows. */
  readonly configs: readonly ConfigSummary[];
  readonly adapter?: AdapterSummary;
  readonly progress?: ProgressSummary;
  readonly stage?: StageSummary;
  /** Names that were saved as another tensor because both share memory. */
  readonly aliases: readonly (readonly [alias: string, kept: string])[];
  /** A training log is beside the checkpoint. */
  readonly hasTraining: boolean;
  /** The file is more than a list of tensors: its type and what it holds, in words. */
  readonly content?: { readonly type: string; readonly text: string };
  /** Files of the folder whose values are shown beside those of the weights' own, where the folder is meant. */
  readonly contents?: readonly ContentFile[];
  /** The file holds the state of an optimizer. */
  readonly hasOptimizer?: true;
  /** What loading the file in Python would import, worst first. Absent for formats that import nothing. */
  readonly imports?: ImportSummary;
  /** Arguments, schedules and the like that the file holds. */
  readonly settings?: readonly SettingsGroup[];
  /** Set where several processes saved the checkpoint. */
  readonly distributed?: DistributedSummary;
  readonly problems: readonly Problem[];
}

/** How several processes shared a checkpoint, and what of it is there. */
export interface DistributedSummary {
  /** e.g. "DeepSpeed ZeRO-3, 8 ranks, step 300" */
  readonly title: string;
  readonly label: string;
  readonly worldSize?: number;
  /** Sizes of the parallel dimensions, by what they are called in words. */
  readonly parallel: readonly { readonly name: string; readonly size: number }[];
  readonly states: readonly StateShare[];
  /** Of all tensors together, and of the tensor with the most. */
  readonly pieces: number;
  readonly mostPieces: number;
  /** That the pieces of one tensor lie in. */
  readonly mostFiles: number;
  /** Tensors of which some can be read, and those of which nothing can. */
  readonly partlyReadable: number;
  readonly unreadable: number;
  /** Undefined where the files' names do not tell of ranks. */
  readonly ranks?: RankMap;
  readonly load?: LoadAdvice;
}

/** Weights, masters, moments: how many tensors and bytes of each. */
export interface StateShare {
  readonly state: string;
  readonly tensors: number;
  readonly bytes: number;
}

/** A file that holds another part of the checkpoint. */
export interface ContentFile {
  readonly name: string;
  readonly path: string;
  /** e.g. "scheduler state" */
  readonly label: string;
}

/** What the parts that are there, and the faults of the weights, say of resuming. */
export interface Resumable {
  /** `unknown`: it is told of the whole, and not of its pieces. */
  readonly answer: "yes" | "partly" | "no" | "unknown";
  readonly reason: string;
  /** All planned steps were made. */
  readonly finished?: true;
}

export interface ImportSummary {
  /** The first of them, worst first. */
  readonly findings: readonly ImportFinding[];
  readonly total: number;
  readonly dangerous: number;
  readonly unknown: number;
}

export interface DtypeShare {
  readonly dtype: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
}

export interface ModuleShare {
  /** Module path; undefined for the sum of the smaller ones. */
  readonly module: string | undefined;
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
}

export interface PartSummary {
  /** e.g. "optimizer state" */
  readonly label: string;
  /** Bytes are left out of a folder whose files are not read. */
  readonly files: readonly { readonly name: string; readonly path: string; readonly bytes?: number }[];
  /** The part whose several files hold this one too. */
  readonly within?: string;
  /** Files of it that are missing or cut, of those that several processes saved; left out where none is. */
  readonly lost?: number;
}

export interface AbsentPart {
  readonly label: string;
  /** What follows from it. */
  readonly meaning: string;
  /** The ResumeTopic that it is asked of: whoever judges resuming may find that it was never used. */
  readonly topic?: string;
}

export interface ConfigSummary {
  readonly fileName: string;
  readonly path: string;
  readonly rows: readonly (readonly [key: string, value: string])[];
}

export interface AdapterSummary {
  /** The method's name as its authors spell it, e.g. "LoRA". */
  readonly method: string;
  readonly baseModel: string | undefined;
  readonly moduleCount: number;
  /** The LoRA tab has modules to show, or can hold the method's against the base model. */
  readonly comparable: boolean;
}

export interface ProgressSummary {
  readonly step: number | undefined;
  /** The file states no step; its optimizer counted its own. */
  readonly stepIsOptimizers?: true;
  readonly epoch: number | undefined;
  readonly maxSteps: number | undefined;
  readonly learningRate: number | undefined;
  readonly loss: number | undefined;
  readonly evalLoss: number | undefined;
  readonly bestMetric: number | undefined;
  readonly bestCheckpoint: string | undefined;
  /** What is best, where the file says it: `acc1` of `best_acc1`, the `monitor` of a callback. */
  readonly bestMetricName?: string;
  /** Which end of it is the good one, where its name tells. */
  readonly bestIs?: "lowest" | "highest";
  /** What reinforcement learning counts beside steps. */
  readonly episode?: number;
  readonly maxEpochs?: number;
  /** The training came to its end, by what the file says. */
  readonly finished?: true;
  /** A callback ended it before its planned steps. */
  readonly stoppedEarly?: true;
  /** Which one, and why, where the file says it. */
  readonly stoppedBy?: StoppedBy;
  /** Other values at the moment of the save. */
  readonly metrics?: readonly NamedValue[];
}

export interface StoppedBy {
  readonly callback: string;
  readonly why: string;
}

export interface NamedValue {
  readonly name: string;
  readonly value: number;
}

export interface StageSummary {
  readonly stage: string;
  /** How it was found, in words. */
  readonly reason: string;
  readonly inferred: boolean;
}
