import type { FileEntry } from "../bytes/files";
import { dcpFolder } from "./dcp/dcpFolder";
import { safetensorsPieces } from "./dcp/safetensorsPieces";
import { deepSpeedFolder } from "./deepspeed/deepSpeedFolder";
import type { FolderFormat } from "./folderFormat";
import { fsdpFolder } from "./fsdp/fsdpFolder";
import { megatronFolder } from "./megatron/megatronFolder";
import { orbaxFolder } from "./orbax/orbaxFolder";
import { tensorflowFolder } from "./tensorflow/tensorflowBundle";

/** Every kind of folder that is read as one checkpoint; the first that recognises a folder reads it. */
const folderFormats: readonly FolderFormat[] = [
  fsdpFolder,
  // Its folders hold one of torch.distributed.checkpoint.
  megatronFolder,
  dcpFolder,
  safetensorsPieces,
  deepSpeedFolder,
  orbaxFolder,
  tensorflowFolder,
];

export function folderFormatOf(entries: readonly FileEntry[]): FolderFormat | undefined {
  return folderFormats.find((format) => format.matches(entries));
}
