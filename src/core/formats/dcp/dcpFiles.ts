import type { Files } from "../../bytes/files";
import { mapParallel } from "../../bytes/mapParallel";
import { isPlainFileName, joinPath } from "../../bytes/paths";
import type { ProblemList } from "../../problem/problemList";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { CheckpointFile } from "../checkpointFile";
import type { FolderListing } from "../folderFormat";
import { transformProblem } from "./dcpItem";
import type { DcpItem, DcpMetadata } from "./dcpMetadata";
import { rankOfPiece } from "./shardingInfo";

export const metadataName = ".metadata";
export const itemFile = /\.distcp$/;

const parallelStats = 16;

/** `__3_0.distcp` was written by rank 3; Megatron may put a word before it. `shard-00004-…` is that of safetensors. */
export function rankOf(name: string): readonly number[] {
  const piece = rankOfPiece(name);
  if (piece !== undefined) return [piece];
  const rank = /__(\d{1,7})_\d+\.distcp$/.exec(name)?.[1];
  return rank === undefined ? [] : [Number(rank)];
}

/** The files that `.metadata` places values in, by number and by name. */
export interface DcpFiles {
  readonly list: readonly CheckpointFile[];
  readonly indexOf: ReadonlyMap<string, number>;
}

/** Files of a listing with their sizes. */
export function sizedFiles(
  files: Files,
  folder: string,
  entries: readonly { readonly name: string }[],
  status: CheckpointFile["status"],
): Promise<CheckpointFile[]> {
  return mapParallel(entries, parallelStats, async ({ name }) => {
    const path = joinPath(folder, name);
    const bytes = (await files.stat(path).catch(() => undefined))?.size ?? 0;
    return { name, path, bytes, status };
  });
}

export async function listDcpFiles(
  { files, path, entries }: FolderListing,
  metadata: DcpMetadata,
  problems: ProblemList,
): Promise<DcpFiles> {
  const named = new Set<string>();
  for (const { file } of metadata.items.values()) named.add(file);
  const outside = [...named].filter((name) => !isPlainFileName(name));
  for (const name of outside) {
    problems.addLazily("PathOutside", () => ({
      severity: "error",
      code: "PathOutside",
      message: `.metadata places values in ${quote(name.slice(0, 200))}, which is no file of this folder: it is not looked at.`,
      file: joinPath(path, metadataName),
    }));
  }
  const wanted = [...named].filter(isPlainFileName).sort((a, b) => byRank(a, b));
  const present = new Set(entries.filter(({ kind }) => kind === "file").map(({ name }) => name));
  const list = await mapParallel(wanted, parallelStats, async (name): Promise<CheckpointFile> => {
    const filePath = joinPath(path, name);
    const found = present.has(name) ? await files.stat(filePath).catch(() => undefined) : undefined;
    const [rank] = rankOf(name);
    return {
      name,
      path: filePath,
      bytes: found?.size ?? 0,
      status: found?.kind === "file" ? "ok" : "missing",
      ...(rank === undefined ? {} : { rank: `rank ${rank}` }),
    };
  });
  const extra = entries.filter(
    ({ name, kind }) => kind === "file" && itemFile.test(name) && !named.has(name),
  );
  const stale = await sizedFiles(files, path, extra, "extra");
  return {
    list: [...list, ...stale],
    indexOf: new Map(list.map(({ name }, index) => [name, index])),
  };
}

/** Ranks as numbers: 10 comes after 9. */
function byRank(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** Why the bytes of an item are not there; undefined where they are. A clause. */
export function absence(
  item: DcpItem | undefined,
  fileIndex: number | undefined,
  files: DcpFiles,
): string | undefined {
  if (item === undefined) return ".metadata does not say where they are";
  if (fileIndex === undefined) return `${quote(item.file.slice(0, 100))} is no file of this folder`;
  const { name, status, bytes } = files.list[fileIndex] as CheckpointFile;
  if (status === "missing") return `${name} is missing`;
  const end = item.offset + item.length;
  if (end > bytes) return `${name} is cut at byte ${formatCount(bytes)}, they end at ${formatCount(end)}`;
  return transformProblem(item);
}
