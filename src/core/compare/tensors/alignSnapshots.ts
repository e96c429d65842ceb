import type { Snapshot } from "../openSnapshots";
import { type Alignment, alignTensors } from "./alignTensors";

/** The tensors of snapshots, aligned by name; one that could not be read has none, and of one alone there is nothing to compare. */
export function alignSnapshots(snapshots: readonly Snapshot[]): Alignment {
  const readable = snapshots.filter(({ session }) => session !== undefined).length;
  if (readable < 2) return { rows: [], separator: ".", aligned: [], problems: [] };
  return alignTensors(
    snapshots.map(({ label, session }) => {
      if (session === undefined) return undefined;
      const { tensors, aliases } = session.checkpoint;
      return { label, tensors, aliases };
    }),
  );
}
