import type { CheckpointFile } from "../formats/checkpointFile";
import type { DistributedLayout, ParsedFolder } from "../formats/folderFormat";
import type { FileContent, FormatId } from "../formats/format";
import type { ImportFinding } from "../formats/importFinding";
import type { Problem } from "../problem/problem";
import type { Tensor } from "../tensors/tensor";

/** An opened checkpoint: the directory of its weights. Tensor bytes stay on disk. */
export interface Checkpoint {
  /** The file that was opened; a folder was resolved to its main file. */
  readonly path: string;
  readonly name: string;
  readonly folder: string;
  readonly format: FormatId;
  /** One for a single file, many for a sharded model. `Tensor.fileIndex` points here. */
  readonly files: readonly CheckpointFile[];
  /** In name order. */
  readonly tensors: readonly Tensor[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly aliases: ReadonlyMap<string, string>;
  /** Set where the opened file is one shard of a model whose index is beside it, or a piece of a folder's tensors. */
  readonly wholeModelPath: string | undefined;
  /** The file holds one process's parts of tensors: it is no model by itself. */
  readonly isPiece?: boolean;
  /** The value that was saved, where the file is more than a list of tensors. */
  readonly content?: FileContent;
  readonly standsFor?: ParsedFolder["standsFor"];
  /** Set where the checkpoint is a folder of several processes: how they shared the work. */
  readonly layout?: DistributedLayout;
  /** Checksums that were saved with the tensors or their parts. */
  readonly checksums?: ParsedFolder["checksums"];
  /** What each rank's file counts, where they count. */
  readonly rankSteps?: ParsedFolder["rankSteps"];
  /** The content with such values as take a read of their own; of a folder only. */
  readonly readValues?: ParsedFolder["readValues"];
  /** What loading the files in Python would import. Undefined where their format imports nothing. */
  readonly imports?: readonly ImportFinding[];
  readonly problems: readonly Problem[];
}
