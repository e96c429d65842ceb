import type { Files } from "../../bytes/files";
import { baseName, joinPath, parentPath } from "../../bytes/paths";
import type { FolderContext } from "../../checkpoint/folderContext";
import type { Problem } from "../../problem/problem";
import { formatBytes, plural } from "../../text/quantities";

const ending = ".incomplete";
const maxSized = 64;

/**
 * What huggingface_hub has begun to fetch into this folder, and not ended: it keeps such files out of sight, under
 * `.cache` in a folder of one's own, among the blobs of its cache. A snapshot looks whole without them.
 */
export async function unfinishedDownloads(
  files: Files,
  { folder }: Pick<FolderContext, "folder">,
): Promise<readonly Problem[]> {
  const place = placeOfDownloads(folder);
  const listed = await files.list(place).catch(() => []);
  const begun = listed.filter(({ name, kind }) => kind === "file" && name.endsWith(ending));
  if (begun.length === 0) return [];
  const sizes = await Promise.all(
    begun.slice(0, maxSized).map(async ({ name }) => (await files.stat(joinPath(place, name)))?.size ?? 0),
  );
  const soFar = formatBytes(sizes.reduce((sum, size) => sum + size, 0));
  const message = `A download by huggingface_hub has not ended: ${plural(begun.length, "file")} in ${place} ${begun.length === 1 ? "is" : "are"} incomplete (${soFar} so far). What is missing here may be among them: let it end, or fetch it again.`;
  return [
    { severity: "warning", code: "UnfinishedDownload", message, file: joinPath(place, begun[0]?.name ?? "") },
  ];
}

function placeOfDownloads(folder: string): string {
  const above = parentPath(folder);
  return baseName(above) === "snapshots"
    ? joinPath(parentPath(above), "blobs")
    : joinPath(joinPath(joinPath(folder, ".cache"), "huggingface"), "download");
}
