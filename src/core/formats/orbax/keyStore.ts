import type { Files } from "../../bytes/files";
import { joinPath } from "../../bytes/paths";
import { CheckpointError } from "../../problem/checkpointError";
import { maxZarrFiles } from "../../problem/limits";
import { type OcdbtValue, readOcdbt } from "./ocdbtDatabase";

/** Values by their keys, whatever keeps them: a database, or a folder with a file a key. */
export type KeyStore = ReadonlyMap<string, OcdbtValue>;

const maxFolderDepth = 12;
/** `ocdbt.process_3`: what one process wrote, before the databases of all are merged. */
const processFolder = /^ocdbt\.process_\d+$/;

export interface FoundStore {
  readonly keys: KeyStore;
  /** What Orbax left behind, in words. */
  readonly label: string;
  /** The databases of the processes were not merged: the save did not finish, or keeps them so. */
  readonly isUnmerged: boolean;
  /** A file of it that is there; undefined for an empty folder. */
  readonly anchor: string | undefined;
}

/**
 * Finds what the tensors of a folder are kept in: one database, those of each process where no merged one is there, or
 * plain files.
 */
export async function findStore(files: Files, folder: string, signal?: AbortSignal): Promise<FoundStore> {
  const entries = await files.list(folder);
  if (entries.some(({ name }) => name === "manifest.ocdbt"))
    return {
      keys: await readOcdbt(files, folder, signal),
      label: "OCDBT",
      isUnmerged: false,
      anchor: "manifest.ocdbt",
    };
  const processes = entries
    .filter(({ name, kind }) => kind === "directory" && processFolder.test(name))
    .map(({ name }) => name)
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  if (processes.length > 0) {
    const keys = new Map<string, OcdbtValue>();
    for (const name of processes) {
      for (const [key, value] of await readOcdbt(files, joinPath(folder, name), signal)) {
        const isFile = value.kind === "file";
        if (!keys.has(key)) keys.set(key, isFile ? { ...value, path: `${name}/${value.path}` } : value);
      }
    }
    const anchor = `${processes[0]}/manifest.ocdbt`;
    return { keys, label: "OCDBT of each process", isUnmerged: true, anchor };
  }
  const keys = new Map<string, OcdbtValue>();
  await listFiles(files, folder, "", 0, keys);
  return { keys, label: "zarr", isUnmerged: false, anchor: [...keys.keys()][0] };
}

async function listFiles(
  files: Files,
  folder: string,
  prefix: string,
  depth: number,
  keys: Map<string, OcdbtValue>,
): Promise<void> {
  if (depth > maxFolderDepth) return;
  for (const { name, kind, link } of await files.list(folder)) {
    const path = joinPath(folder, name);
    // A link may lead out of the folder, or back into it.
    if (link) continue;
    if (kind === "directory") await listFiles(files, path, `${prefix}${name}/`, depth + 1, keys);
    else {
      if (keys.size >= maxZarrFiles)
        throw new CheckpointError("TooManyFiles", "The folder has more files than any checkpoint.");
      const { size = 0 } = (await files.stat(path)) ?? {};
      keys.set(prefix + name, { kind: "file", path: prefix + name, offset: 0, length: size });
    }
  }
}
