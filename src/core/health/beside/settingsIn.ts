import type { Files } from "../../bytes/files";
import { readText } from "../../bytes/readText";
import { type JsonObject, jsonObjectIn } from "../../json/parseJson";
import { CheckpointError } from "../../problem/checkpointError";

/** The settings in a file beside the weights; undefined where they cannot be read, or are no object. */
export async function settingsIn(
  files: Files,
  path: string,
  mostBytes: number,
  signal?: AbortSignal,
): Promise<JsonObject | undefined> {
  try {
    return jsonObjectIn(await readText(files, path, mostBytes, signal));
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof CheckpointError) return undefined;
    throw error;
  }
}
