import type { CheckpointSummary } from "../core/checkpoint/summary";
import type { ContentPage, ContentPath } from "../core/content/contentTree";
import type { CompareModuleDetail, CompareView } from "../core/lora/compareView";
import type { LoraView } from "../core/lora/loraView";
import type { OptimizerPage, OptimizerView } from "../core/optimizer/optimizerView";
import type { DiscoveredRuns, Run } from "../core/runs/run";
import type { TrainingView } from "../core/runs/trainingView";
import type { TensorChunk } from "../core/tensors/tensorTable";

/** Where a checkpoint's bytes are: a local path, or the content of a file that lives elsewhere. */
export type CheckpointLocation =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "content"; readonly path: string; readonly content: Uint8Array };

/** Stages that the user set, by checkpoint path. */
export type UserStages = readonly (readonly [path: string, stage: string])[];

export interface DiscoverParams {
  readonly roots: readonly { readonly path: string; readonly name: string }[];
  /** Glob patterns, relative to a root, of what is not looked into. */
  readonly exclude: readonly string[];
  readonly maxDepth: number;
  readonly maxFolders: number;
  readonly userStages: UserStages;
}

/** What the extension may ask of the worker. Handles live until `close`. */
export interface WorkerCalls {
  open(params: { readonly location: CheckpointLocation; readonly userStages: UserStages }): {
    readonly handle: number;
    readonly summary: CheckpointSummary;
  };
  tensorChunk(params: { readonly handle: number; readonly first: number }): TensorChunk;
  training(params: { readonly handle: number }): TrainingView | undefined;
  lora(params: { readonly handle: number }): LoraView | undefined;
  contentPage(params: {
    readonly handle: number;
    readonly path: ContentPath;
    readonly from: number;
  }): ContentPage | undefined;
  optimizers(params: { readonly handle: number }): readonly OptimizerView[];
  optimizerPage(params: {
    readonly handle: number;
    readonly optimizer: number;
    readonly first: number;
  }): OptimizerPage;
  /** `progressToken` names this comparison in `progress`. */
  compare(params: {
    readonly paths: readonly string[];
    readonly userStages: UserStages;
    readonly progressToken: number;
  }): { readonly handle: number; readonly view: CompareView };
  compareModule(params: { readonly handle: number; readonly module: string }): CompareModuleDetail;
  close(params: { readonly handle: number }): void;
  discoverRuns(params: DiscoverParams): DiscoveredRuns;
  /** The merged log of a run's checkpoints. */
  runTraining(params: { readonly run: Run }): TrainingView;
}

/** What the worker tells the extension. */
export interface WorkerHostCalls {
  progress(params: {
    readonly token: number;
    readonly done: number;
    readonly total: number;
    readonly label: string;
  }): void;
}
