import type { BaseComparison } from "../core/base/compareWithBase";
import type { CheckpointSummary } from "../core/checkpoint/summary";
import type { ContentPage, ContentPath } from "../core/content/contentTree";
import type { OptimizerPage, OptimizerView } from "../core/optimizer/optimizerView";
import type { QuantisedState, QuantisedStateRequest } from "../core/optimizer/quantisedState";
import type { Problem } from "../core/problem/problem";
import type { ResumeReport } from "../core/resume/resumeReport";
import type { PartSettings } from "../core/session/partSettings";
import type { TensorChunk } from "../core/tensors/tensorTable";
import type { IntruderReport } from "../core/update/intruders";
import type { LoraChunk, LoraRest } from "./loraChunks";
import type { ReductionStart } from "./makeCalls";
import type { Threaded } from "./numbersCalls";
import type { OpenRun } from "./runCalls";

/** Where a checkpoint's bytes are: a local path, or the content of a file that lives elsewhere. */
export type CheckpointLocation =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "content"; readonly path: string; readonly content: Uint8Array };

/** Stages that the user set, by checkpoint path. */
export type UserStages = readonly (readonly [path: string, stage: string])[];

/** An adapter that is open in the worker, or one that is opened for the question alone. */
export type AdapterRef = { readonly handle: number } | { readonly path: string };

/** The optimizers of a checkpoint. */
export interface ShownOptimizers {
  readonly views: readonly OptimizerView[];
  /** The file of the checkpoint that holds them, where it is not the one that is open: its tensors are listed there. */
  readonly file?: string;
}

/** What the extension knows of an adapter's base model. */
export interface BaseFacts {
  /** The base that the user chose. */
  readonly chosen: string | undefined;
  /** Folders of the workspace, from which a path in the configuration may be meant. */
  readonly roots: readonly string[];
}

/** What the worker answers about one open checkpoint. */
export interface CheckpointCalls {
  open(params: { readonly location: CheckpointLocation; readonly userStages: UserStages }): {
    readonly handle: number;
    readonly summary: CheckpointSummary;
  };
  /** Rows of the tensor table in name order; the first chunk starts at 0, each next where the last ended. */
  tensorChunk(params: { readonly handle: number; readonly first: number }): TensorChunk;
  /** The log beside it as a run, which has a handle of its own; undefined where there is none. */
  training(params: { readonly handle: number }): OpenRun | undefined;
  /**
   * Reads the factors and computes the norms; undefined where it is no adapter. What is known at once comes first, and
   * the rows in chunks while it runs. Abort it when it is no longer wanted.
   */
  lora(params: { readonly handle: number } & Threaded, chunk: LoraChunk): LoraRest | undefined;
  reductionStart(params: { readonly handle: number }): ReductionStart;
  /** Path of an adapter's base model where it is on this disk. */
  baseModel(params: { readonly adapter: AdapterRef; readonly baseFacts: BaseFacts }): string | undefined;
  /** Whether an adapter fits a base model, by names and shapes; empty where it does. */
  baseFit(params: { readonly adapter: AdapterRef; readonly base: string }): readonly Problem[];
  /**
   * Holds every update against the weight it is added to. Reads the adapted weights of the base model and tells its
   * progress; abort it when it is no longer wanted.
   */
  compareWithBase(params: { readonly adapter: AdapterRef; readonly base: string }): BaseComparison;
  /** Intruder dimensions of one module; a decomposition of the whole weight, which may take a minute. */
  intruders(params: {
    readonly adapter: AdapterRef;
    readonly base: string;
    readonly module: string;
  }): IntruderReport;
  /**
   * Children of a value of a torch file, from `from` on; undefined where the path leads nowhere. `file` is the name of
   * a part of the folder, in place of the file that is open.
   */
  contentPage(params: {
    readonly handle: number;
    readonly file?: string;
    readonly path: ContentPath;
    readonly from: number;
  }): ContentPage | undefined;
  /** Settings and small states in the other files of the folder: schedule, arguments, random states. */
  partSettings(params: { readonly handle: number }): readonly PartSettings[];
  optimizers(params: { readonly handle: number }): ShownOptimizers;
  /** Parameters of one of the optimizers; the first page starts at 0, each next where the last ended. */
  optimizerPage(params: {
    readonly handle: number;
    readonly optimizer: number;
    readonly first: number;
  }): OptimizerPage;
  /** Reads a moment of 8 bits whole and says what it stands for: may take a while. */
  quantisedState(params: QuantisedStateRequest & { readonly handle: number }): QuantisedState | undefined;
  /** Opens the other files of the checkpoint's folder. */
  resume(params: { readonly handle: number }): ResumeReport;
  /** All that is known to be wrong. Of a checkpoint folder every file counts: each is opened; and the base of an adapter. */
  health(params: { readonly handle: number; readonly baseFacts: BaseFacts }): readonly Problem[];
}
