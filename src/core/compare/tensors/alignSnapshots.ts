import type { Snapshot } from "../openSnapshots";
import { type AlignedSource, type Alignment, alignTensors } from "./alignTensors";

/** The tensors of snapshots, aligned by name; one that could not be read has none, and of one alone there is nothing to compare. */
export function alignSnapshots(snapshots: readonly Snapshot[]): Alignment {
  const readable = snapshots.filter(({ session }) => session !== undefined).length;
  if (readable < 2) return { rows: [], separator: ".", aligned: [], problems: [] };
  return alignTensors(snapshots.map(alignedSource));
}

/** Undefined for a snapshot that could not be read. */
export function alignedSource({ label, session, weights }: Snapshot): AlignedSource | undefined {
  if (session === undefined) return undefined;
  const { aliases } = session.checkpoint;
  // Of a file that is one optimizer the path is empty: all of it is its state.
  const paths = session.optimizers().flatMap(({ path }) => (path === "" ? [] : [path]));
  return { label, tensors: weights, aliases, optimizerPaths: paths };
}
