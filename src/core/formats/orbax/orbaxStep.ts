import type { FileEntry, Files } from "../../bytes/files";
import { baseName, joinPath } from "../../bytes/paths";
import { readText } from "../../bytes/readText";
import { JsonSyntaxError } from "../../json/jsonScanner";
import { isJsonObject, jsonNumber, parseJson } from "../../json/parseJson";
import { CheckpointError } from "../../problem/checkpointError";
import { maxConfigBytes } from "../../problem/limits";

/** What tells a step. */
export const stepMarker = "_CHECKPOINT_METADATA";
/** Values that a step may say beside its arrays. */
const maxMetrics = 100;
/** A folder that Orbax writes and renames in the end. */
const temporaryEnding = /\.orbax-checkpoint-tmp(?:-\d+)?$/;

export interface OrbaxStep {
  readonly step: number;
  /** It was still being written. */
  readonly temporary: boolean;
}

/** `300` and `ckpt_00000300`: what Orbax' `CheckpointManager` calls a step, with any prefix. */
export function parseOrbaxStep(name: string): OrbaxStep | undefined {
  const digits = /^(?:.*_)?(\d{1,15})$/s.exec(name.replace(temporaryEnding, ""))?.[1];
  return digits === undefined ? undefined : { step: Number(digits), temporary: isOrbaxTemporary(name) };
}

export function isOrbaxTemporary(name: string): boolean {
  return temporaryEnding.test(name);
}

/**
 * What a `CheckpointManager` says of a step: its number in the name of the folder, and the metrics that it was given
 * (`metrics/metrics`).
 */
export async function savedProgress(
  files: Files,
  path: string,
  entries: readonly FileEntry[],
): Promise<ReadonlyMap<string, number>> {
  const told = new Map<string, number>();
  if (!entries.some(({ name }) => name === stepMarker)) return told;
  const named = parseOrbaxStep(baseName(path));
  if (named !== undefined) told.set("step", named.step);
  if (!entries.some(({ name, kind, link }) => name === "metrics" && kind === "directory" && !link))
    return told;
  try {
    const text = await readText(files, joinPath(path, "metrics", "metrics"), maxConfigBytes);
    const { value } = parseJson(text);
    for (const [name, metric] of isJsonObject(value) ? value : []) {
      const number = jsonNumber(metric);
      if (number !== undefined && told.size < maxMetrics && !told.has(name)) told.set(name, number);
    }
  } catch (error) {
    // Without them it is the same checkpoint.
    if (!(error instanceof CheckpointError || error instanceof JsonSyntaxError)) throw error;
  }
  return told;
}
