import type { DiscoveredRuns, Run } from "../core/runs/run";
import type { TrainingView } from "../core/runs/trainingView";
import type { UserStages } from "./checkpointCalls";

export interface DiscoverParams {
  readonly roots: readonly { readonly path: string; readonly name: string }[];
  /** Glob patterns, relative to a root, of what is not looked into. */
  readonly exclude: readonly string[];
  readonly maxDepth: number;
  readonly maxFolders: number;
  readonly userStages: UserStages;
}

/** What the worker answers about training runs. */
export interface RunCalls {
  discoverRuns(params: DiscoverParams): DiscoveredRuns;
  /** The merged log of a run's checkpoints. */
  runTraining(params: { readonly run: Run }): TrainingView;
}
