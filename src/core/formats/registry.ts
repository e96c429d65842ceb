import { flax } from "./flax/flax";
import type { Format } from "./format";
import { gguf } from "./gguf/gguf";
import { hdf5 } from "./hdf5/hdf5";
import { compressed } from "./inside/compressed";
import { kerasZip } from "./keras/kerasZip";
import { nemo } from "./nemo/nemo";
import { baselinesZip } from "./numpy/baselinesZip";
import { npy } from "./numpy/npy";
import { npz } from "./numpy/npz";
import { onnx } from "./onnx/onnx";
import { safetensors } from "./safetensors/safetensors";
import { pickle } from "./torch/plainPickle";
import { torchLegacy } from "./torch/torchLegacy";
import { torchTar } from "./torch/torchTar";
import { torchZip } from "./torch/torchZip";

/** Every format that can be read; the first that recognises a file reads it. A new format is one line here. */
export const formats: readonly Format[] = [
  safetensors,
  kerasZip,
  npz,
  baselinesZip,
  torchZip,
  torchLegacy,
  flax,
  pickle,
  npy,
  gguf,
  hdf5,
  torchTar,
  nemo,
  compressed,
  onnx,
];

export function formatOfHead(head: Uint8Array, fileName: string): Format | undefined {
  const recognised = formats.find((format) => format.matches(head, fileName));
  if (recognised !== undefined) return recognised;
  const lowerName = fileName.toLowerCase();
  return formats.find((format) => format.extensions.some((extension) => lowerName.endsWith(extension)));
}
