import { CheckpointError } from "../problem/checkpointError";
import { formatCount } from "../text/quantities";
import { strangerByShape } from "./strangerMessages";

/** A kind of file that people keep models in, and that is not read here. */
interface Stranger {
  /** As the beginning of "This is …". */
  readonly name: string;
  /** Bytes at the start, or from `at` on. */
  readonly magic?: string;
  readonly at?: number;
  /** Told by its name alone: its bytes look like those of others. */
  readonly ending?: string;
  readonly advice?: string;
}

const toGguf = "Its convert_llama_ggml_to_gguf.py makes a GGUF file of one of LLaMA's, which opens here.";

const strangers: readonly Stranger[] = [
  // ggml.h of llama.cpp before August 2023: the letters of ggml, ggmf, ggjt and ggla as little-endian numbers.
  { name: "a GGML file of llama.cpp before GGUF (2023)", magic: "lmgg", advice: toGguf },
  { name: "a GGML file of llama.cpp before GGUF (2023)", magic: "fmgg", advice: toGguf },
  { name: "a GGML file of llama.cpp before GGUF (2023)", magic: "tjgg", advice: toGguf },
  { name: "a LoRA adapter of llama.cpp before GGUF (2023)", magic: "algg" },
  { name: "a TensorFlow Lite model", magic: "TFL3", at: 4 },
  {
    name: "a TensorRT engine",
    magic: "ftrt",
    advice: "It is compiled for one GPU: open what it was made of.",
  },
  { name: "a MATLAB file before version 7.3", magic: "MATLAB 5.0 MAT-file" },
  { name: "a CatBoost model", magic: "CBM1" },
  { name: "an XGBoost model (UBJSON)", magic: "{L\0\0\0\0\0\0\0\x07learner" },
  { name: "a fastText model", magic: "\xba\x16\x4f\x2f" },
  { name: "a file of MXNet parameters", magic: "\x12\x01\0\0\0\0\0\0" },
  // File.lua of Torch 7: an object, the first one, and the length of "V 1".
  {
    name: "a file of Lua's Torch 7",
    magic: "\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1",
    advice: "PyTorch before 1.0 reads it (torch.utils.serialization.load_lua).",
  },
  { name: "a program or library for Linux (ELF)", magic: "\x7fELF" },
  { name: "a file of Darknet weights", magic: "\0\0\0\0\x02\0\0\0\x05\0\0\0" },
  {
    name: "a RAR archive, into which nothing here can look",
    magic: "Rar!\x1a\x07",
    advice: "Unpack it only if you trust it.",
  },
  { name: "a file of Darknet weights", magic: "\0\0\0\0\x01\0\0\0\0\0\0\0" },
  {
    name: "an ONNX Runtime model (ORT)",
    magic: "ORTM",
    at: 4,
    advice: "Open the ONNX file that it was made of.",
  },
  {
    name: "an ExecuTorch program",
    magic: "ET12",
    at: 4,
    advice: "Open the checkpoint that it was exported from.",
  },
  { name: "the fingerprint of a TensorFlow SavedModel", ending: "fingerprint.pb" },
  { name: "a Parquet table", magic: "PAR1" },
  { name: "a NetCDF file before version 4", magic: "CDF\x01" },
  { name: "a NetCDF file before version 4", magic: "CDF\x02" },
  { name: "an Arrow table", magic: "ARROW1\0\0" },
  { name: "a Core ML model", ending: ".mlmodel" },
  { name: "a Caffe model", ending: ".caffemodel" },
];

/** What a file is that no reader is for; undefined where nothing tells. */
export function diagnoseStranger(head: Uint8Array, fileName: string): CheckpointError | undefined {
  const lower = fileName.toLowerCase();
  const found: Pick<Stranger, "name" | "advice"> | undefined =
    strangers.find(({ magic, at = 0, ending }) =>
      magic === undefined ? ending !== undefined && lower.endsWith(ending) : hasAt(head, magic, at),
    ) ?? strangerByShape(head, fileName);
  if (found === undefined) return undefined;
  const message = `This is ${found.name}. It is recognised, and not read here.${found.advice === undefined ? "" : ` ${found.advice}`}`;
  return new CheckpointError("UnsupportedFormat", message, 0);
}

/** So many bytes are not zero by chance, nor because a header of no length begins the file: a page of memory or of a disk. */
const zerosThatTell = 4096;

/** Files of data without a header may begin with zeros; what has one of these names may not. */
const beginsWithHeader =
  /\.(?:safetensors|gguf|pth?|ckpt|h5|hdf5|keras|npz|npy|onnx)$|(?:pytorch_model|adapter_model|training_args)[^/\\]*\.bin$/i;

/**
 * Room that was reserved for a download or a save and never filled, or pages that were lost in a crash. Of a file
 * that begins with zeros and goes on with data, `fileName` tells whether that is a fault.
 */
export function diagnoseZeros(head: Uint8Array, fileName = ""): CheckpointError | undefined {
  const first = head.findIndex((byte) => byte !== 0);
  const zeros = first === -1 ? head.length : first;
  if (zeros < zerosThatTell || (first !== -1 && !beginsWithHeader.test(fileName))) return undefined;
  const message = `The first ${formatCount(zeros)} bytes are zero: room was reserved for the file, and what belongs there never came, as after a crash, on a full disk or where a download or a save was interrupted. Fetch or save it again.`;
  return new CheckpointError("ZeroFilled", message, 0);
}

function hasAt(bytes: Uint8Array, magic: string, at: number): boolean {
  for (let index = 0; index < magic.length; index++) {
    if (bytes[at + index] !== magic.charCodeAt(index)) return false;
  }
  return true;
}
