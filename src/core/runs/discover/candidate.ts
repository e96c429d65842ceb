import { joinPath } from "../../bytes/paths";
import { isSafetensorsPiece } from "../../formats/dcp/shardingInfo";
import { classifyEntry, mainFile, mainFolder, type PartEntry } from "../../parts/parts";
import type { NamedMoment } from "../../progress/checkpointNames";
import type { Folder } from "./walkFolders";

/** A checkpoint as names alone show it; nothing of it was read. */
export interface Candidate {
  readonly kind: "folder" | "file";
  readonly path: string;
  readonly name: string;
  /** The checkpoint's folder, or the folder its file lies in. */
  readonly folder: Folder;
  /** Of a single file: its name, or the names of its shards. */
  readonly fileNames: readonly string[];
  /** Subfolders that are parts of this checkpoint. */
  readonly partFolders: readonly Folder[];
  readonly moment: NamedMoment;
  readonly temporary: boolean;
}

/** Checkpoints that lie together. What they have in common is known only when they are read. */
export interface CandidateGroup {
  /**
   * `steps`: the step folders of one output folder; `model`: one folder that holds a model or an adapter;
   * `files`: single files of one folder.
   */
  readonly kind: "steps" | "model" | "files";
  readonly folder: Folder;
  /** Set where the folder's name is not the group's: kohya's `output_name`. */
  readonly series?: string;
  readonly members: readonly Candidate[];
  /** The output folder itself: its own model and trainer_state.json, written when training ended. */
  readonly output?: Candidate;
  /** Single files of the folder beyond the bound; they are counted, not listed. */
  readonly omitted?: number;
  /** The member that was saved when training ended, of a series of single files. */
  readonly finalPath?: string;
}

/** Its own parameters, else those of a part folder: a named adapter, a model of a pipeline. */
export function mainFileOf(
  { kind, path, folder, partFolders }: Candidate,
  parts: readonly PartEntry[],
): string | undefined {
  if (kind === "file") return path;
  const own = mainFile(parts);
  // One rank's part stands for nothing but itself.
  if (own !== undefined && isSafetensorsPiece(own)) return undefined;
  if (own !== undefined) return joinPath(folder.path, own);
  const found = partFolders.flatMap((partFolder) => {
    const name = mainFile(partFolder.files);
    if (name === undefined) return [];
    // verl keeps the adapter whole beside the slices of its ranks.
    const { part } = classifyEntry({ name, kind: "file" });
    return [{ name: partFolder.name, part, path: joinPath(partFolder.path, name) }];
  });
  return mainFolder(found)?.path;
}
