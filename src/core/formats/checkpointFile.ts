/** A file of a checkpoint, and whether it is what it should be. */
export interface CheckpointFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** `extra`: it lies there and belongs to nothing, as what an earlier save left. */
  readonly status: "ok" | "broken" | "missing" | "extra";
  /** Whose process wrote it, where its name or content tells: "rank 3", "dp 0, tp 1". */
  readonly rank?: string;
}
