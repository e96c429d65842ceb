import { readMemberStart } from "../../bytes/byteRegion";
import type { ZipEntry } from "../../bytes/zipDirectory";
import { CheckpointError } from "../../problem/checkpointError";
import type { Problem } from "../../problem/problem";
import { plural } from "../../text/quantities";
import type { TorchArchive } from "../torch/torchArchive";

/** Programs of large models have some hundred files of some kilobytes. */
const maxFiles = 500;
const maxFileBytes = 1_000_000;

/** Operators that reach beyond their tensors: files, processes, the network. */
const reaching =
  /\btorch\.(?:save|load|from_file)\b|\bops\.(?:aten\.(?:save|from_file)|image\.(?:read|write)_file|torchaudio\.(?:sox_io|ffmpeg)\w*|rpc\.\w+|c10d\w*\.\w+)\b/g;

/** Operators of torch and of what its users commonly install; others must be brought by a library that somebody loads. */
const ofOthers =
  /\bops\.(?!(?:aten|prim|prims|_?quantized|torchvision|image|torchaudio|prepacked|_?sparse|mkldnn(?:_prepacked)?|xnnpack|cuda|fbgemm|rnn|detectron2|tensorrt|torch_(?:sparse|scatter|cluster|spline_conv)|pyg|vulkan_prepack|metal_prepack|static_runtime|profiler|rpc|c10d\w*|inductor|onednn|mkl|quantized_decomposed)\.)(\w+)\.\w+/g;

/** What TorchScript compiles is no pickle's import, but runs all the same: what it calls is said as far as names tell. */
export async function programInside(
  { source, folder, directory }: TorchArchive,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const code = directory.entries.filter(
    ({ name }) => name.startsWith(`${folder}code/`) && name.endsWith(".py"),
  );
  const calls = new Set<string>();
  const libraries = new Set<string>();
  let left = Math.max(0, code.length - maxFiles);
  for (const entry of code.slice(0, maxFiles)) {
    const text = entry.size > maxFileBytes ? undefined : await readProgram(source, entry, signal);
    if (text === undefined) left++;
    for (const [call] of text?.matchAll(reaching) ?? []) calls.add(call);
    for (const [, library = ""] of text?.matchAll(ofOthers) ?? []) libraries.add(library);
  }
  const needs =
    libraries.size === 0
      ? ""
      : ` It calls operators that a library must bring: ${[...libraries].slice(0, 5).join(", ")}.`;
  const unread = left === 0 ? "" : ` ${plural(left, "file")} of it could not be searched.`;
  const message =
    `The archive holds a program in TorchScript (${plural(code.length, "file")} below code/). torch.jit.load compiles it, ` +
    `runs its __setstate__ while loading and the rest when the model is called. What it does was not judged.${needs}${unread}`;
  const program: Problem = { severity: left === 0 ? "info" : "warning", code: "ProgramInside", message };
  return calls.size === 0 ? [program] : [program, reachesOut([...calls])];
}

function reachesOut(calls: readonly string[]): Problem {
  const message =
    `The program in TorchScript calls ${calls.slice(0, 5).join(", ")}: it reads or writes files, or reaches other ` +
    "machines. Load it only if you trust who made it.";
  return { severity: "warning", code: "ProgramReachesOut", message };
}

/** Undefined where it cannot be read. */
async function readProgram(
  source: TorchArchive["source"],
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await readMemberStart(source, entry, entry.size, signal));
  } catch (error) {
    if (error instanceof CheckpointError || error instanceof RangeError) return undefined;
    throw error;
  }
}
