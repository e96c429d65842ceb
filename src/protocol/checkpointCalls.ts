import type { CheckpointSummary } from "../core/checkpoint/summary";
import type { ContentPage, ContentPath } from "../core/content/contentTree";
import type { LoraView } from "../core/lora/loraView";
import type { OptimizerPage, OptimizerView } from "../core/optimizer/optimizerView";
import type { ResumeReport } from "../core/resume/resumeReport";
import type { TrainingView } from "../core/runs/trainingView";
import type { TensorChunk } from "../core/tensors/tensorTable";

/** Where a checkpoint's bytes are: a local path, or the content of a file that lives elsewhere. */
export type CheckpointLocation =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "content"; readonly path: string; readonly content: Uint8Array };

/** Stages that the user set, by checkpoint path. */
export type UserStages = readonly (readonly [path: string, stage: string])[];

/** What the worker answers about one open checkpoint. */
export interface CheckpointCalls {
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
  /** Opens the other files of the checkpoint's folder. */
  resume(params: { readonly handle: number }): ResumeReport;
}
