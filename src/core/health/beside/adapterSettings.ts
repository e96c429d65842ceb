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
  if (adapter === undefined || adapter.carriesModel || !isPeftFile(name)) return [];
  // Factors of LoHa and LoKr are named as LyCORIS names them, below PEFT's name of the model.
  const isOfPeft =
    adapter.dialect === "peft" ||
    tensors.every(({ name: one }) => /^base_model\.|^prompt_embeddings$/.test(one));
  if (!isOfPeft) return [];
  // A file that cannot be read says so itself.
  if (adapterConfig !== undefined || files.some((file) => file.name === "adapter_config.json")) return [];
  const message =
    "adapter_config.json is missing: PEFT loads no adapter without it, and rank, alpha and base model are told nowhere else. Copy it from another checkpoint of the training.";
  return [{ severity: "warning", code: "AdapterConfigMissing", message, file: path }];
}
