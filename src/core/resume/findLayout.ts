import type { Files } from "../bytes/files";
import type { FolderContext } from "../checkpoint/folderContext";
import { dcpState } from "./dcpState";
import { deepSpeedState } from "./deepSpeedState";
import type { LayoutFindings } from "./layoutFindings";
import { megatronState } from "./megatronState";
import type { PartOpener } from "./openedParts";
import { torchtuneState } from "./torchtuneState";

/** What a layout of its own says of a folder; undefined for the usual one of a file for each part. */
export async function findLayout(
  files: Files,
  folder: FolderContext,
  opener: PartOpener,
): Promise<LayoutFindings | undefined> {
  return (
    (await deepSpeedState(files, folder, opener)) ??
    (await megatronState(files, folder, opener)) ??
    (await dcpState(files, folder, opener)) ??
    (await torchtuneState(files, folder, opener))
  );
}
