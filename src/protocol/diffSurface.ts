import type { DiffChunk } from "../core/compare/tensors/diffTable";
import type { Problem } from "../core/problem/problem";
import type { ByteProgress } from "../core/text/byteProgress";
import type { DiffCalls } from "./diffCalls";
import type { PageCalls } from "./pageCalls";

/** How far the comparison of values is. Each has an id of its own; results of another one mean nothing. */
export interface DiffState extends ByteProgress {
  readonly id: number;
  readonly status: "none" | "running" | "done" | "stopped" | "failed";
  /** Why it failed. */
  readonly message?: string;
  readonly problems: readonly Problem[];
}

/** What the page of the compare panel may ask about the tensors and their values. */
export interface DiffHostCalls extends PageCalls<DiffCalls, "alignedRows" | "diffDetail"> {
  /** What runs or ran; it outlives the page. */
  diffState(params: null): DiffState;
  /** Begins to compare all values, or goes on with it; the state comes as `diffChanged`. */
  startDiff(params: null): void;
  stopDiff(params: null): void;
  /** Results from the entry `first` on; undefined where they are of another comparison by now. */
  diffEntries(params: { readonly id: number; readonly first: number }): DiffChunk | undefined;
}

/** What the extension tells the page of the compare panel about the comparison of values. */
export interface DiffPageCalls {
  diffChanged(state: DiffState): void;
}
