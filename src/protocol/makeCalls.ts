import type { Problem } from "../core/problem/problem";
import type { JobPlan, JobResult, ModelJob } from "../core/report/jobs/modelJob";
import type { WritableDtype } from "../core/tensors/encode";
import type { ExtractionRule } from "../core/transform/extractionRank";
import type { OutputFormat } from "../core/transform/outputNames";
import type { ReductionOptions } from "../core/transform/reductionPlan";
import type { UserStages } from "./checkpointCalls";

/** What the worker makes: new snapshots, each beside the one it comes from, which it never touches. */
export interface MakeCalls {
  /**
   * Writes an adapter at lower ranks. Tells its progress.
   * @throws CheckpointError `Exists` where something is at `out` and `replace` is false
   */
  reduce(params: {
    readonly path: string;
    readonly userStages: UserStages;
    readonly options: ReductionOptions;
    readonly out: string;
    readonly replace: boolean;
    /** Without it as in the source. */
    readonly dtype?: WritableDtype;
    readonly threads: number;
  }): MadeSnapshot;
  /**
   * Writes the adapter that comes closest to the difference of two models. Tells its progress.
   * @throws CheckpointError `Exists`, `NothingToExtract`
   */
  extract(params: {
    readonly base: string;
    readonly tuned: string;
    readonly rule: ExtractionRule;
    /** Carries embeddings, norms and the like over whole where they changed. */
    readonly saveOthers: boolean;
    readonly out: string;
    readonly replace: boolean;
    readonly dtype?: WritableDtype;
    readonly threads: number;
  }): MadeSnapshot;
  /**
   * What a new model would be made of, and what that costs. Reads headers alone.
   * @throws CheckpointError with the reason where there is no exact way
   */
  planModel(params: { readonly job: ModelJob; readonly userStages: UserStages }): JobPlan;
  /**
   * Writes it, and reads it back. Tells its progress in bytes.
   * @throws CheckpointError `Exists`, `HoldsOthers`, and those of `planModel`
   */
  makeModel(params: {
    readonly job: ModelJob;
    readonly userStages: UserStages;
    readonly out: string;
    readonly replace: boolean;
    readonly maxShardBytes: number;
    readonly threads: number;
  }): JobResult;
}

/** What must be known of an adapter before ranks are chosen. */
export interface ReductionStart {
  /** Why there is nothing to reduce; undefined where there is. */
  readonly problem: string | undefined;
  readonly format: OutputFormat;
  /** Path that the adapter goes by. */
  readonly identity: string;
}

/** A snapshot that was written and read back. */
export interface MadeSnapshot {
  /** The folder, or the file for kohya and diffusers. */
  readonly path: string;
  readonly bytes: number;
  readonly moduleCount: number;
  /** "4", or "2–8" where modules differ. */
  readonly rank: string;
  /** Share of Σσ² that was kept, and the relative error that goes with it. */
  readonly energyKept: number;
  readonly error: number;
  /** Largest relative difference of ‖ΔW‖ between what was meant and what was read back. */
  readonly worstDeviation: number;
  readonly problems: readonly Problem[];
}
