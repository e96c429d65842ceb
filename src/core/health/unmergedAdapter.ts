import type { Problem } from "../problem/problem";
import { type HealthSubject, isWhole } from "./healthSubject";

const wrappedWeight = /\.base_layer\.(?:weight|qweight)$/;

/**
 * A model of transformers that was saved with PEFT's layers still in it: its own loader looks for the weights under their
 * own names. Architectures with adapters of their own have settings for them, or bring the code that loads them.
 */
export function unmergedAdapter(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, adapter, folder } = subject;
  const config = folder.config?.value;
  if (adapter?.carriesModel !== true || config?.has("architectures") !== true || !isWhole(subject)) return [];
  if (!/^(?:model|pytorch_model)\b.*\.(?:safetensors|bin|json)$/.test(checkpoint.name)) return [];
  if (config.has("auto_map") || [...config.keys()].some((key) => /lora/i.test(key))) return [];
  if (folder.adapterConfig !== undefined) return [];
  const wrapped = checkpoint.tensors.filter(({ name }) => wrappedWeight.test(name));
  const [first] = wrapped;
  if (first === undefined) return [];
  const name = first.name.replace(/\.base_layer\./, ".");
  const message = `The adapter is not merged: ${wrapped.length} of the model's weights lie under PEFT's names, such as ${first.name}. transformers looks for ${name}, and would initialise ${wrapped.length === 1 ? "it" : "them"} at random; save the model after merge_and_unload, or the adapter alone.`;
  return [
    { severity: "error", code: "AdapterNotMerged", message, file: checkpoint.path, tensor: first.name },
  ];
}
