import type { Files } from "../bytes/files";
import { isAbsolutePath, joinPath, parentPath, resolvePath } from "../bytes/paths";
import { isJsonObject, jsonString } from "../json/parseJson";
import { mainFile } from "../parts/parts";
import type { CheckpointSession } from "../session/checkpointSession";

/** Folders above an adapter in which its base model is looked for by name: one of them was trained in. */
const searchedLevels = 6;

/** Where base models are looked for besides the adapter's own folders. */
export interface BaseSearch {
  /** Caches of Hugging Face (`HF_HOME/hub`) in which a name on the hub is looked for. */
  readonly hubFolders?: readonly string[];
  /** Folders that a relative path may be meant from: those of the workspace, or where the command was given. */
  readonly roots?: readonly string[];
}

/**
 * The base model of an adapter on this disk: the path that its configuration names, as it stands or beside one of
 * the folders above, or the one that its `checkpoint-stage.json` says it was extracted from. Undefined where it is
 * elsewhere, e.g. only a name on a hub.
 * @returns path of a file or folder that holds weights
 */
export async function findBaseModel(
  files: Files,
  session: CheckpointSession,
  { hubFolders = [], roots = [] }: BaseSearch = {},
): Promise<string | undefined> {
  const folder = session.checkpoint.folder;
  const named = session.adapterConfig?.baseModel;
  const method = session.folder.stageFile?.value.get("method");
  const extractedFrom = isJsonObject(method) ? jsonString(method.get("base")) : undefined;
  for (const path of [named, extractedFrom]) {
    for (const candidate of path === undefined || path === "" ? [] : candidates(folder, path, roots)) {
      if (await holdsWeights(files, candidate)) return candidate;
    }
  }
  return named === undefined
    ? undefined
    : findInHub(files, named, session.adapterConfig?.revision, hubFolders);
}

/** A snapshot in the cache of Hugging Face: `models--OWNER--NAME/snapshots/COMMIT`. */
async function findInHub(
  files: Files,
  name: string,
  revision: string | undefined,
  hubFolders: readonly string[],
): Promise<string | undefined> {
  if (!/^[\w.-]+(?:\/[\w.-]+)?$/.test(name)) return undefined;
  for (const hub of hubFolders) {
    const snapshots = joinPath(joinPath(hub, `models--${name.replace("/", "--")}`), "snapshots");
    const listed = await files.list(snapshots).catch(() => []);
    const ordered = [...listed].sort((a, b) => Number(b.name === revision) - Number(a.name === revision));
    for (const { name: commit } of ordered) {
      const candidate = joinPath(snapshots, commit);
      if (await holdsWeights(files, candidate)) return candidate;
    }
  }
  return undefined;
}

function candidates(folder: string, path: string, roots: readonly string[]): string[] {
  if (isAbsolutePath(path)) return [path];
  const above: string[] = [];
  let from = folder;
  for (let level = 0; level < searchedLevels && above.at(-1) !== from; level++) {
    above.push(from);
    from = parentPath(from);
  }
  const starts = new Set([...above, ...roots]);
  return [...starts].map((start) => resolvePath(start, path));
}

async function holdsWeights(files: Files, path: string): Promise<boolean> {
  const found = await files.stat(path);
  if (found?.kind === "file") return /\.(?:safetensors|bin|pt|pth|json)$/.test(path);
  if (found === undefined) return false;
  try {
    const name = mainFile(await files.list(path));
    return name !== undefined && !name.startsWith("adapter_");
  } catch {
    return false;
  }
}
