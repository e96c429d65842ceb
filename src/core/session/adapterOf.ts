import { type Adapter, findAdapter } from "../adapter/adapter";
import { type AdapterConfig, parseAdapterConfig } from "../adapter/adapterConfig";
import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderContext } from "../checkpoint/folderContext";
import { GgufNames } from "../names/ggufNames";
import { classifyEntry } from "../parts/parts";
import { asBeforeConversion } from "../tensors/packed/rearranged";
import type { Tensor } from "../tensors/tensor";

/**
 * The adapter in a checkpoint, if it is one. An adapter_config.json counts only for a file that is called an
 * adapter or looks like one: a base model may lie in the same folder.
 */
export function adapterOf(
  checkpoint: Checkpoint,
  folder: FolderContext,
): { readonly adapter: Adapter | undefined; readonly config: AdapterConfig | undefined } {
  // One rank's part of factors has not their shapes, and is no adapter.
  if (checkpoint.isPiece === true) return { adapter: undefined, config: undefined };
  const config =
    folder.adapterConfig === undefined ? undefined : parseAdapterConfig(folder.adapterConfig.value);
  // A folder whose weights are missing is still described by its config.
  const isNamedAdapter =
    checkpoint.files.length === 0
      ? config !== undefined
      : classifyEntry({ name: checkpoint.name, kind: "file" }).part === "adapter";
  const tensors = factorsOf(checkpoint);
  const looksLikeOne = findAdapter(tensors, undefined, checkpoint.metadata) !== undefined;
  if (!isNamedAdapter && !looksLikeOne) return { adapter: undefined, config: undefined };
  return {
    adapter: findAdapter(tensors, config, checkpoint.metadata, folder.config?.value),
    config,
  };
}

/** In a GGUF file of some architectures the rows of B stand in the order of the converted weight. */
function factorsOf({ format, layout, tensors, metadata }: Checkpoint): readonly Tensor[] {
  // Moments of an adapter are named like its factors, and are none.
  if (layout !== undefined) return tensors.filter(({ name }) => !/^optim(?:izer)?(?:_\d+)?\./.test(name));
  const names = format === "gguf" ? GgufNames.of(metadata) : undefined;
  if (names === undefined) return tensors;
  return tensors.map((tensor) => {
    if (!tensor.name.endsWith(".lora_b")) return tensor;
    const change = names.twin(tensor.name)?.change;
    return (change && asBeforeConversion(tensor, tensor.name, change)) ?? tensor;
  });
}
