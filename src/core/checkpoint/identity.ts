import { baseName, parentPath } from "../bytes/paths";

/** Names that say only "the weights of this folder". */
const genericNames =
  /^(adapter_model|adapters|model|pytorch_model|diffusion_pytorch_model|pytorch_lora_weights|consolidated|tf_model)(\.|-\d+-of-\d+\.|\.fp16\.)/;

/**
 * What people call a checkpoint: the folder for `checkpoint-500/adapter_model.safetensors`, the file itself for
 * `my-lora-000003.safetensors`. Stages are kept and snapshots are named by this path.
 */
export function checkpointIdentity(path: string): string {
  return genericNames.test(baseName(path)) ? parentPath(path) : path;
}
