import type { PartFile } from "../parts/parts";
import type { Problem } from "../problem/problem";
import type { StageLabel } from "../stage/stage";
import type { LogFile } from "./logs/logFormat";
import type { RunProgress } from "./series/runProgress";

/** What a search for checkpoints found. Plain data. */
export interface DiscoveredRuns {
  /** In the order of their folders. */
  readonly runs: readonly Run[];
  /** The search stopped at its bound on folders: there may be more. */
  readonly truncated: boolean;
  /** About the search; what concerns a run or a checkpoint is told there. */
  readonly problems: readonly Problem[];
}

/**
 * The checkpoints of one training, or what else lies together: the stages of a pipeline, single files. A
 * training that left only a log is a run without checkpoints.
 */
export interface Run {
  /** The same at the next search, as long as the training is the same. */
  readonly id: string;
  /** The folder's name, with more where that is not unique, e.g. `results (max_steps 872)`. */
  readonly name: string;
  readonly path: string;
  /** Name of the workspace folder it was found in. */
  readonly rootName: string;
  /** By step, then by name; the final model is last. */
  readonly checkpoints: readonly RunCheckpoint[];
  readonly maxSteps?: number;
  readonly numTrainEpochs?: number;
  /** A callback, such as early stopping, ended the training before its planned steps. */
  readonly stoppedEarly?: true;
  /** Path of the best checkpoint. */
  readonly best?: string;
  /** Why that one, for people. */
  readonly bestReason?: string;
  /** The trainer_state.json files that together hold the whole log, oldest first. */
  readonly logFiles: readonly string[];
  /** All its logs, those of `logFiles` first. */
  readonly logs: readonly LogFile[];
  /** Where the training stands, once its logs were read. */
  readonly progress?: RunProgress;
  readonly problems: readonly Problem[];
}

/** A metric under the name it was logged with; NaN when NaN was logged. */
export type MetricValue = readonly [name: string, value: number];

export interface RunCheckpoint {
  readonly path: string;
  /** Unique in its run, e.g. `checkpoint-500` or `03-fine-tuning/checkpoint-40`. */
  readonly name: string;
  /** The file that opens when the checkpoint is opened; absent where it holds no parameters. */
  readonly mainFile?: string;
  readonly kind: "folder" | "file";
  /** All that lies in its folder belongs to it: `checkpoint-500`, but not a repository with weights in it. */
  readonly ownsFolder: boolean;
  /** Optimizer steps done, from trainer_state.json, else from the name. */
  readonly step?: number;
  /** The step is a count that an optimizer in the file keeps; several of them may each have made a share. */
  readonly stepIsOptimizers?: true;
  readonly epoch?: number;
  /** Last logged at or before the step; NaN when NaN was logged. */
  readonly loss?: number;
  readonly evalLoss?: number;
  readonly learningRate?: number;
  /** The further metrics that the search was asked for, last logged at or before the step. */
  readonly metrics?: readonly MetricValue[];
  /** All its files together. */
  readonly byteSize: number;
  /** Of the newest file, in milliseconds since 1970. */
  readonly modifiedMs: number;
  readonly stage?: StageLabel;
  readonly best: boolean;
  /** The one to resume from: the highest step that was saved completely. */
  readonly last: boolean;
  /** The output folder's own model, saved when training ended. */
  readonly final: boolean;
  /** The save did not finish. */
  readonly incomplete: boolean;
  readonly parts: readonly RunPart[];
  readonly problems: readonly Problem[];
}

/** A file or folder of a checkpoint. */
export interface RunPart extends PartFile {
  readonly path: string;
  /** Bytes; of a folder, all it holds. */
  readonly size: number;
}
