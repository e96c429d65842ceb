import type { TensorStatistics } from "../analysis/statisticColumns";
import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";

/** What was found in a tensor's bytes. */
export interface TensorValues {
  readonly stats?: TensorStatistics;
  /** Of its contiguous, little-endian bytes. */
  readonly sha256?: string;
}

/** What reading the tensors of a checkpoint gave, and what of them could not be read. */
export interface ValueFindings {
  /** By the index of the tensor; those that could not be read are left out. */
  readonly tensors: ReadonlyMap<number, TensorValues>;
  readonly problems: readonly Problem[];
  /** Statistics of packed weights are of their codes. */
  readonly ofCodes?: boolean;
}

/** Reads every tensor of a checkpoint for its statistics. */
export type ReadValues = (session: CheckpointSession) => Promise<ValueFindings>;
