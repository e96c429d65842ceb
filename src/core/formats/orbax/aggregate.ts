import type { Files } from "../../bytes/files";
import { joinPath } from "../../bytes/paths";
import { CheckpointError } from "../../problem/checkpointError";
import { headerProbeBytes } from "../../problem/limits";
import type { Tensor } from "../../tensors/tensor";
import { flax } from "../flax/flax";

/** One file of MessagePack beside `_METADATA`. */
export const aggregateName = "checkpoint";

export interface Aggregate {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Values that are no arrays, as text. */
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * What Orbax before 0.5 (2024) kept in one file where it was told to aggregate, as it was for numbers and for arrays of
 * NumPy: the tree as Flax writes it, under the names of `_METADATA`. Undefined where there is none.
 */
export async function readAggregate(
  files: Files,
  folder: string,
  signal?: AbortSignal,
): Promise<Aggregate | undefined> {
  const path = joinPath(folder, aggregateName);
  if ((await files.stat(path))?.kind !== "file") return undefined;
  const source = await files.open(path);
  try {
    const head = await source.read(0, Math.min(source.size, headerProbeBytes), signal);
    if (!flax.matches(head, aggregateName)) return undefined;
    const { tensors, metadata } = await flax.parse(source, head, signal);
    return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata };
  } catch (error) {
    // Then the arrays are told to be missing.
    if (error instanceof CheckpointError || error instanceof RangeError) return undefined;
    throw error;
  } finally {
    await source.close();
  }
}
