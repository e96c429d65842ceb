import type { FileEntry, Files } from "../../../bytes/files";
import { joinPath } from "../../../bytes/paths";

/** A name with a `/` is a folder in the store. Nobody nests deeper, and nobody has more metrics. */
const maxDepth = 6;
const maxFiles = 10_000;

/** Names of the files below a folder, relative to it, with `/`. Empty where there is no such folder. */
export async function listBelow(
  files: Files,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const names: string[] = [];
  let level = [""];
  for (let depth = 0; depth < maxDepth && level.length > 0; depth++) {
    const next: string[] = [];
    for (const prefix of level) {
      signal?.throwIfAborted();
      for (const { name, kind } of await listOrNothing(
        files,
        joinPath(folder, ...prefix.split("/").filter(Boolean)),
      )) {
        if (kind === "directory") next.push(`${prefix}${name}/`);
        else if (names.length < maxFiles) names.push(prefix + name);
      }
    }
    level = next;
  }
  return names.sort();
}

async function listOrNothing(files: Files, folder: string): Promise<readonly FileEntry[]> {
  try {
    return await files.list(folder);
  } catch {
    return [];
  }
}
