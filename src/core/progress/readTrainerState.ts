import type { Files } from "../bytes/files";
import { baseName } from "../bytes/paths";
import { readText } from "../bytes/readText";
import { CheckpointError } from "../problem/checkpointError";
import { maxTrainerStateBytes } from "../problem/limits";
import { messageOf } from "../problem/messageOf";
import { parseTrainerState, type TrainerState } from "./trainerState";

export const trainerStateName = "trainer_state.json";

/** Other trainers': sd-scripts' `train_state.json` and its like. */
const otherStateName = /^train(?:er|ing)?_(?:state|progress)\.json$/;

/** The file of a folder that says how far the training had come. */
export function trainerStateOf<T extends { readonly name: string }>(files: readonly T[]): T | undefined {
  return (
    files.find(({ name }) => name === trainerStateName) ?? files.find(({ name }) => otherStateName.test(name))
  );
}

/** Reads and parses a trainer_state.json. A file that cannot be read gives an empty state with the reason. */
export async function readTrainerState(
  files: Files,
  path: string,
  signal?: AbortSignal,
): Promise<TrainerState> {
  try {
    return parseTrainerState(await readText(files, path, maxTrainerStateBytes, signal), path);
  } catch (error) {
    signal?.throwIfAborted();
    const code = error instanceof CheckpointError ? error.code : "FileUnreadable";
    const cause = messageOf(error);
    const message = `${baseName(path)} cannot be read: ${cause}`;
    return { ...parseTrainerState("{}"), problems: [{ severity: "error", code, message, file: path }] };
  }
}
