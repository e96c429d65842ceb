import type { FileEntry, Files } from "../bytes/files";
import type { Problem } from "../problem/problem";
import type { Tensor } from "../tensors/tensor";
import type { CheckpointFile } from "./checkpointFile";
import type { FileContent, FormatId, ParsedFile } from "./format";
import type { ImportFinding } from "./importFinding";

/** A folder that may be one checkpoint of several processes. */
export interface FolderListing {
  readonly files: Files;
  readonly path: string;
  readonly entries: readonly FileEntry[];
}

/** How the processes of a training shared the work, as far as the checkpoint tells. */
export interface DistributedLayout {
  /** What it is, in words: "DeepSpeed ZeRO-3", "torch.distributed.checkpoint". */
  readonly label: string;
  /** Processes that saved it. */
  readonly worldSize?: number;
  /** Sizes of the parallel dimensions by their usual short names: dp, tp, pp, ep. */
  readonly parallel?: Readonly<Record<string, number>>;
  readonly load?: LoadAdvice;
}

/** How other programs load it, or make one file of it. */
export interface LoadAdvice {
  /** One sentence. */
  readonly sentence: string;
  /** Python, or a line for the shell; undefined where no program is known that does. */
  readonly snippet?: string;
}

/** How many steps one file of a rank counts. */
export interface RankStep {
  readonly fileIndex: number;
  /** Which of the counts it is, as of the optimizer; only counts of one kind are alike. */
  readonly counter: string;
  /** A tensor is of one element, which takes a read. */
  readonly step: number | Tensor;
}

/** Masked CRC-32C of bytes that lie in a row: those of a tensor, or of a part of one. */
export interface StoredChecksum {
  readonly tensor: string;
  /** The bytes as a tensor that lies plainly in its file. */
  readonly bytes: Tensor;
  readonly checksum: number;
}

/** What a folder holds as one checkpoint: tensors that are put together from its files where that is needed. */
export interface ParsedFolder extends ParsedFile {
  readonly format: FormatId;
  /** `Tensor.fileIndex` and `TensorPiece.fileIndex` point here. */
  readonly files: readonly CheckpointFile[];
  readonly layout: DistributedLayout;
  /** Of formats that keep them. */
  readonly checksums?: readonly StoredChecksum[];
  /** What each rank's file counts, where they count: of one save all do alike. */
  readonly rankSteps?: readonly RankStep[];
  /**
   * The content with such values as take a read of their own (schedules, steps, settings), for what is said of the
   * training. Never rejects for what is in the files.
   */
  readonly readValues?: (signal?: AbortSignal) => Promise<FolderValues>;
}

/** The content of a folder with its values, and what reading them told. */
export interface FolderValues {
  readonly content: FileContent;
  readonly imports?: readonly ImportFinding[];
  readonly problems?: readonly Problem[];
}

/** A reader for folders that are one checkpoint. Register it in folderRegistry.ts. */
export interface FolderFormat {
  readonly id: FormatId;
  /** Recognises the folder by the names in it, which may lie: `open` says so then. */
  matches(entries: readonly FileEntry[]): boolean;
  /**
   * Reads what describes the tensors, never the tensors.
   * @throws CheckpointError when nothing can be shown.
   */
  open(folder: FolderListing, signal?: AbortSignal): Promise<ParsedFolder>;
}
