import type { Adapter } from "../../adapter/adapter";
import type { Checkpoint } from "../../checkpoint/checkpoint";
import type { FolderContext } from "../../checkpoint/folderContext";
import type { Problem } from "../../problem/problem";
import { isPeftFile } from "../healthSubject";

/** A folder with PEFT's weights and without what PEFT reads first: rank, alpha, base and modules stand there. */
export function adapterSettings(
  { name, path, tensors }: Pick<Checkpoint, "name" | "path" | "tensors">,
  adapter: Adapter | undefined,
  { files, adapterConfig }: FolderContext,
): readonly Problem[] {
  // Before PEFT saved them itself, the Trainer wrote the factors under the name of a model.
  const isTrainers = /^(?:pytorch_model\.bin|model\.safetensors)$/.test(name);
  if (adapter === undefined || adapter.carriesModel || !(isPeftFile(name) || isTrainers)) return [];
  if (isTrainers && !tensors.every(({ name: one }) => /^base_model\.model\..*lora_/.test(one))) return [];
  // Factors of LoHa and LoKr are named as LyCORIS names them, below PEFT's name of the model.
  const isOfPeft =
    adapter.dialect === "peft" ||
    tensors.every(({ name: one }) => /^base_model\.|^prompt_embeddings$/.test(one));
  if (!isOfPeft) return [];
  // A file that cannot be read says so itself.
  if (adapterConfig !== undefined || files.some((file) => file.name === "adapter_config.json")) return [];
  const message =
    "adapter_config.json is missing: PEFT loads no adapter without it, and rank, alpha and base model are told nowhere else. Copy it from another checkpoint of the training.";
  const renamed = `${name} holds the factors of an adapter alone, under the name of a model's weights, and there is no adapter_config.json: PEFT looks for adapter_model.safetensors or .bin and that file, in which rank, alpha and base model are told.`;
  const told = isTrainers ? renamed : message;
  return [{ severity: "warning", code: "AdapterConfigMissing", message: told, file: path }];
}
