import { type Adapter, findAdapter } from "../adapter/adapter";
import { type AdapterConfig, parseAdapterConfig } from "../adapter/adapterConfig";
import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderContext } from "../checkpoint/folderContext";
import { classifyEntry } from "../parts/parts";

/**
 * The adapter in a checkpoint, if it is one. An adapter_config.json counts only for a file that is called an
 * adapter or looks like one: a base model may lie in the same folder.
 */
export function adapterOf(
  checkpoint: Checkpoint,
  folder: FolderContext,
): { readonly adapter: Adapter | undefined; readonly config: AdapterConfig | undefined } {
  const config =
    folder.adapterConfig === undefined ? undefined : parseAdapterConfig(folder.adapterConfig.value);
  // A folder whose weights are missing is still described by its config.
  const isNamedAdapter =
    checkpoint.files.length === 0
      ? config !== undefined
      : classifyEntry({ name: checkpoint.name, kind: "file" }).part === "adapter";
  const looksLikeOne = findAdapter(checkpoint.tensors, undefined, checkpoint.metadata) !== undefined;
  if (!isNamedAdapter && !looksLikeOne) return { adapter: undefined, config: undefined };
  return {
    adapter: findAdapter(checkpoint.tensors, config, checkpoint.metadata, folder.config?.value),
    config,
  };
}
