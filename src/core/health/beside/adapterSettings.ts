import type { Adapter } from "../../adapter/adapter";
import type { Checkpoint } from "../../checkpoint/checkpoint";
import type { FolderContext } from "../../checkpoint/folderContext";
import type { Problem } from "../../problem/problem";
import { isPeftFile } from "../healthSubject";

/** A folder with PEFT's weights and without what PEFT reads first: rank, alpha, base and modules stand there. */
export function adapterSettings(
  { name, path }: Pick<Checkpoint, "name" | "path">,
  adapter: Adapter | undefined,
  { files, adapterConfig }: FolderContext,
): readonly Problem[] {
  const isOfPeft = adapter?.dialect === "peft" && !adapter.carriesModel;
  if (!isOfPeft || !isPeftFile(name)) return [];
  // A file that cannot be read says so itself.
  if (adapterConfig !== undefined || files.some((file) => file.name === "adapter_config.json")) return [];
  const message =
    "adapter_config.json is missing: PEFT loads no adapter without it, and rank, alpha and base model are told nowhere else. Copy it from another checkpoint of the training.";
  return [{ severity: "warning", code: "AdapterConfigMissing", message, file: path }];
}
