import { baseName } from "../../bytes/paths";
import type { CheckpointSession } from "../../session/checkpointSession";

/** A tensor of a model that will be written. */
export interface OutputTensor {
  readonly name: string;
  /** A dtype of safetensors. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Its bytes in consecutive pieces, made when they are asked for. */
  pieces(signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** A small file that is carried over beside the weights. */
export interface CarriedFile {
  readonly name: string;
  readonly path: string;
  /** Its text as the new weights need it; as it is where not said. */
  readonly edit?: (text: string) => string;
}

/** What a library calls its files of weights; transformers' name where nothing says another. */
export function weightsStem({ adapter, checkpoint, folder }: CheckpointSession): string {
  if (adapter !== undefined) return adapter.dialect === "mlx" ? "adapters" : "adapter_model";
  const isDiffusers =
    baseName(checkpoint.path).startsWith("diffusion_pytorch_model") ||
    folder.config?.value.has("_class_name");
  return isDiffusers === true ? "diffusion_pytorch_model" : "model";
}

/** A model that will be written as safetensors. */
export interface ModelOutput {
  readonly tensors: readonly OutputTensor[];
  readonly carried: readonly CarriedFile[];
  /** What its files of weights are called, before their numbers. */
  readonly stem: string;
  /** `__metadata__` of every file; that it is torch's where not said. */
  readonly metadata?: ReadonlyMap<string, string>;
}
