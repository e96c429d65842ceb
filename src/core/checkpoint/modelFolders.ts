import type { FileEntry, Files } from "../bytes/files";
import { joinPath } from "../bytes/paths";
import { classifyEntry, classifyFolder, type PartFile } from "../parts/parts";

/** Folders of a checkpoint that are looked into; more of them are a collection and no checkpoint. */
const maxFolders = 16;

/**
 * The folders among these entries that hold an adapter with its configuration, or a model, in the order of their
 * names. Not those that their names tell: the slices of ranks are put together elsewhere.
 */
export async function modelFolders(
  files: Files,
  folder: string,
  entries: readonly Pick<FileEntry, "name" | "kind">[],
): Promise<readonly PartFile[]> {
  const names = entries
    .filter(({ name, kind }) => kind === "directory" && classifyEntry({ name, kind }).part === "other")
    .map(({ name }) => name)
    .sort()
    .slice(0, maxFolders);
  const found = await Promise.all(
    names.map(async (name) => {
      const listed = await files.list(joinPath(folder, name)).catch(() => []);
      return classifyFolder(
        name,
        listed.filter(({ kind }) => kind === "file"),
      );
    }),
  );
  return found.filter(({ part }) => part === "adapter" || part === "weights");
}
