import type { FileEntry, Files } from "../bytes/files";
import { joinPath } from "../bytes/paths";
import { classifyFolder } from "../parts/parts";

/** Folders of a checkpoint that are looked into; more of them are a collection and no checkpoint. */
const maxFolders = 16;

/** The folders among these entries that hold an adapter each, with its configuration. */
export async function adapterFolders<T extends Pick<FileEntry, "name" | "kind">>(
  files: Files,
  folder: string,
  entries: readonly T[],
): Promise<readonly T[]> {
  const folders = entries
    .filter(({ kind }) => kind === "directory")
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .slice(0, maxFolders);
  const found = await Promise.all(
    folders.map(async ({ name }) => {
      const listed = await adapterFilesIn(files, joinPath(folder, name));
      return classifyFolder(name, listed).part === "adapter";
    }),
  );
  return folders.filter((_, at) => found[at]);
}

/** Those of an adapter's files that lie in a folder, by name alone; none of a folder that cannot be read. */
async function adapterFilesIn(files: Files, folder: string): Promise<readonly Pick<FileEntry, "name">[]> {
  const names = ["adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"];
  const stats = await Promise.all(
    names.map((name) => files.stat(joinPath(folder, name)).catch(() => undefined)),
  );
  return names.flatMap((name, at) => (stats[at]?.kind === "file" ? [{ name }] : []));
}
