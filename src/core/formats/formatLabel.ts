import { CheckpointError } from "../problem/checkpointError";
import type { FormatId } from "./format";

/** Every kind of file that is told apart, as people call it; those without a reader yet are named and listed. */
export const formatLabels = {
  safetensors: "safetensors",
  "torch-zip": "PyTorch (zip)",
  "torch-legacy": "PyTorch (legacy)",
  torchscript: "TorchScript",
  "torch-export": "PyTorch program (torch.export)",
  pickle: "Python pickle",
  gguf: "GGUF",
  npz: "NumPy archive (.npz)",
  npy: "NumPy array (.npy)",
  hdf5: "HDF5",
  flax: "Flax (msgpack)",
  keras: "Keras model (.keras)",
  "tf-bundle": "TensorFlow checkpoint",
  orbax: "Orbax checkpoint",
  zip: "zip archive",
  onnx: "ONNX",
  dcp: "torch.distributed.checkpoint",
  "dcp-safetensors": "torch.distributed.checkpoint (safetensors)",
  "fsdp-ranks": "FSDP, a file for each rank",
  deepspeed: "DeepSpeed",
  "deepspeed-zero1": "DeepSpeed ZeRO-1",
  "deepspeed-zero2": "DeepSpeed ZeRO-2",
  "deepspeed-zero3": "DeepSpeed ZeRO-3",
  "deepspeed-pipeline": "DeepSpeed pipeline",
  "deepspeed-universal": "DeepSpeed universal checkpoint",
  "megatron-dist": "Megatron-LM, distributed",
  "megatron-legacy": "Megatron-LM",
  nemo: "NeMo",
  compressed: "compressed file",
  unknown: "unknown",
} as const;

/** What people call a format. */
export function formatLabel(id: FormatId): string {
  return formatLabels[id];
}

/** For files that are recognised, but have no reader yet. */
export function unsupportedFormat(kind: FormatId): CheckpointError {
  const message = `This is a ${formatLabel(kind)} file. The file is recognised, but this version cannot show what is in it yet.`;
  return new CheckpointError("UnsupportedFormat", message, 0);
}
