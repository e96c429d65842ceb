import { GgufNames } from "../../names/ggufNames";
import { isJoined } from "../../resume/joinedFolder";
import type { CheckpointSession } from "../../session/checkpointSession";
import { optimizerViews } from "../../session/optimizerQuestions";
import { ggufTwins } from "../../tensors/packed/ggufTwins";
import type { Snapshot } from "../openSnapshots";
import { type AlignedSource, type Alignment, alignTensors } from "./alignTensors";

/** The tensors of snapshots, aligned by name; one that could not be read has none, and of one alone there is nothing to compare. */
export function alignSnapshots(snapshots: readonly Snapshot[]): Alignment {
  const readable = snapshots.filter(({ session }) => session !== undefined).length;
  if (readable < 2) return { rows: [], separator: ".", aligned: [], problems: [] };
  return alignTensors(alignedSources(snapshots));
}

/** Undefined for a snapshot that could not be read. GGUF files beside others get the names of transformers. */
export function alignedSources(snapshots: readonly Snapshot[]): readonly (AlignedSource | undefined)[] {
  const isGguf = ({ session }: Snapshot) => session?.checkpoint.format === "gguf";
  const isMixed = snapshots.some((snapshot) => snapshot.session !== undefined && !isGguf(snapshot));
  return snapshots.map((snapshot) => {
    const source = alignedSource(snapshot);
    const { session } = snapshot;
    if (source === undefined || session === undefined || !isMixed || !isGguf(snapshot)) return source;
    // Factors are compared module by module.
    if (session.adapter !== undefined) return source;
    const names = GgufNames.of(session.checkpoint.metadata);
    if (names === undefined) return { ...source, namesRule: unknownNames };
    const { tensors, rule } = ggufTwins(source.tensors, names);
    return { ...source, tensors, ...(rule === undefined ? {} : { namesRule: rule }) };
  });
}

const unknownNames =
  "what transformers calls the tensors of this architecture of GGUF is not known here; they keep their names, and their rows their order.";

function alignedSource({ label, session, weights }: Snapshot): AlignedSource | undefined {
  if (session === undefined) return undefined;
  const { aliases } = session.checkpoint;
  // Of a file that is one optimizer the path is empty: all of it is its state.
  const paths = optimizerViews(session).flatMap(({ path }) => (path === "" ? [] : [path]));
  return {
    label,
    tensors: weights,
    aliases,
    optimizerPaths: paths,
    modelPaths: (session.inside?.models ?? []).map(({ path }) => path),
    besideModels: besideModels(session),
  };
}

/** What a training kept in one file with its models: metrics, values of callbacks, random states. */
function besideModels({ checkpoint, inside }: CheckpointSession): ReadonlySet<string> {
  if (inside?.kind !== "training-checkpoint" || inside.models.length === 0 || isJoined(checkpoint))
    return new Set();
  const ofModels = new Set(inside.models.flatMap(({ tensors }) => tensors.map(({ tensor }) => tensor.name)));
  for (const { name } of inside.trained) ofModels.add(name);
  return new Set(checkpoint.tensors.map(({ name }) => name).filter((name) => !ofModels.has(name)));
}
