import type { Files } from "../../bytes/files";
import type { Problem } from "../../problem/problem";
import type { TrainerState } from "../../progress/trainerState";
import type { PointBatch } from "./pointBatch";

export type LogFormatId =
  | "trainer-state"
  | "tensorboard"
  | "wandb"
  | "mlflow"
  | "lightning-csv"
  | "csv"
  | "llama-factory"
  | "jsonl"
  | "torchtune"
  | "stdout"
  | "results"
  | "checkpoint"
  | "config";

/** A log of a run: a file, or a folder where the log is one (MLflow). */
export interface LogFile {
  readonly path: string;
  readonly format: LogFormatId;
  /**
   * Goes before its metrics' names, joined with `/`: Keras logs `train` and `validation` under the same
   * names.
   */
  readonly scope?: string;
}

/** Where a log is read from. */
export interface LogInput {
  readonly files: Files;
  readonly path: string;
}

/**
 * How far a log was read, and what its reader must remember. Only the format that made it can look into it.
 */
export interface LogCursor {
  /** Bytes that need not be read again. */
  readonly offset: number;
}

export interface LogReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Nobody writes it any more: a last line without an end is whole, a last record that is cut stays cut. */
  readonly atRest?: boolean;
}

/** `[name, value]`, for a table. */
export type ConfigRow = readonly [key: string, value: string];
export type SummaryRow = readonly [name: string, value: number | string];

/**
 * The training went back to `step` at that time: what was logged before the time for this step and those
 * beyond is void.
 */
export interface Purge {
  readonly wallTime: number;
  readonly step: number;
}

/** What a log says about the training beside its points. */
export interface LogFacts {
  /** As its owner called it. */
  readonly name?: string;
  readonly step?: number;
  readonly epoch?: number;
  /** Steps it was planned for. */
  readonly maxSteps?: number;
  /** The log has its closing entry: nothing more will come. */
  readonly ended?: boolean;
  readonly bestModelCheckpoint?: string;
}

/** What a log says as a whole, as far as it was read. */
export interface LogReport {
  readonly config: readonly ConfigRow[];
  /** What was written when the training ended: facts about the whole of it, no points. */
  readonly summary: readonly SummaryRow[];
  readonly facts: LogFacts;
  readonly problems: readonly Problem[];
}

export interface LogRead extends LogReport {
  /** Points since the cursor; all of them if there was none, or the file was replaced meanwhile. */
  readonly points: PointBatch;
  /** What was read before no longer counts: the file was replaced or cut, or is read anew each time. */
  readonly restarted: boolean;
  readonly purges: readonly Purge[];
  /** For the next read. */
  readonly cursor: LogCursor;
  /** Bytes at the end that were left for the next time: a record that is not whole yet. */
  readonly waiting: number;
  /** Of a trainer_state.json: what it says besides. */
  readonly state?: TrainerState;
}

/** One kind of training log. */
export interface LogFormat {
  readonly id: LogFormatId;
  /** As people call it, e.g. `TensorBoard events`. */
  readonly label: string;
  /** Whether a file of this name that begins with these bytes is one. */
  matches(name: string, head: Uint8Array): boolean;
  /**
   * Reads on from a cursor of its own, or all. What cannot be read is told as a problem; what stands before
   * it is given.
   * @throws the signal's reason when it is aborted, or what the file system throws.
   */
  read(input: LogInput, from: LogCursor | undefined, options: LogReadOptions): Promise<LogRead>;
}
