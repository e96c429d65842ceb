import type { FileSink, FolderOutput } from "../bytes/fileSink";
import type { Files } from "../bytes/files";
import { baseName, joinPath } from "../bytes/paths";
import type { JsonObject } from "../json/parseJson";
import { CheckpointError } from "../problem/checkpointError";
import { CheckpointSession } from "../session/checkpointSession";
import { type Provenance, stageFileText } from "../stage/stageFileText";
import type { WritableDtype } from "../tensors/encode";
import { rmsRounding } from "../update/dtypeRounding";
import { measureModule } from "../update/measureModule";
import type { AdapterOutput, OutputModule, WrittenModule } from "./adapterOutput";
import { finishOutput } from "./finishOutput";
import { factorNames, isFolderFormat, type OutputFormat } from "./outputNames";
import { keptConfigText, mlxConfigText, peftConfigText } from "./peftConfig";
import { readBack } from "./readBack";
import { refuseSources } from "./refuseSources";
import { probeDeviation, probeOf } from "./updateProbe";
import { type WriteProgress, writeFactors } from "./writeFactors";

/** Where a new adapter goes, and what is written of its making. */
export interface AdapterTarget {
  readonly files: Files;
  readonly sink: FileSink;
  /** A folder for PEFT and MLX, a `.safetensors` file for the others. */
  readonly path: string;
  readonly replace: boolean;
  /** In place of the source's own; of several, of the widest. */
  readonly dtype?: WritableDtype;
  readonly toolVersion: string;
  readonly now: Date;
}

export interface WriteRequest extends WriteProgress {
  readonly files: Files;
  readonly sink: FileSink;
  readonly output: AdapterOutput;
  readonly format: OutputFormat;
  readonly path: string;
  readonly replace: boolean;
  /** Checkpoints that it is made from. */
  readonly sources: readonly CheckpointSession[];
  /** The configuration that the new one continues. */
  readonly parentConfig: JsonObject | undefined;
  /** Fields that differ from it or that it lacks. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Asked for when all factors are written. */
  readonly provenance: () => Provenance;
}

export interface WrittenAdapter {
  /** The folder, or the file for kohya and diffusers. */
  readonly path: string;
  readonly format: OutputFormat;
  /** Of all files. */
  readonly bytes: number;
  /** Of the file of weights. */
  readonly weightBytes: number;
  readonly modules: readonly WrittenModule[];
  /** Largest relative difference of ‖ΔW‖ between what was meant and what was read back. */
  readonly worstDeviation: number;
}

/**
 * Writes an adapter under another name, reads it back, and gives it its name only when every module has the norm
 * that it should have. Nothing is left behind when it fails or is cancelled.
 * @throws CheckpointError `Exists` when something is at the path, `HoldsOthers` when it may not be replaced,
 * `OutputName` when the path does not suit the format, `SourceInPlace` when it is that of a source, `InsideSource` when it lies in the folder of one, `WrongResult`
 * when reading back shows another update, `FileChanged` when a source was written to meanwhile.
 */
export async function writeAdapter(request: WriteRequest): Promise<WrittenAdapter> {
  const { files, path, format, sources } = request;
  const isFile = !isFolderFormat(format);
  if (path.endsWith(".safetensors") !== isFile)
    throw new CheckpointError("OutputName", nameRule(isFile), undefined, path);
  await refuseSources(files, path, sources);
  return isFile ? writeFile(request) : writeFolder(request);
}

function nameRule(isFile: boolean): string {
  return isFile
    ? "An adapter of this dialect is one file: choose a name that ends with .safetensors."
    : "An adapter with a configuration is a folder: choose a name that does not end with .safetensors.";
}

const peftWeights = "adapter_model.safetensors";
const mlxWeights = "adapters.safetensors";
const configName = "adapter_config.json";
const stageName = "checkpoint-stage.json";

async function writeFolder(request: WriteRequest): Promise<WrittenAdapter> {
  const { sink, output, path, replace, provenance, format } = request;
  const weightsName = weightsNameOf(request);
  const folder = await sink.createFolder(path, { replace, files: [weightsName, configName, stageName] });
  return finishOutput(folder, request, async () => {
    const file = await folder.create(weightsName);
    const { written, tensors, bytes } = await writeFactors(file, output, factorNames[format], request);
    const configBytes = await writeText(folder, configName, configText(request, written));
    const stageBytes = await writeText(folder, stageName, stageFileText(provenance(), path));
    const weightsPath = joinPath(folder.temporaryPath, weightsName);
    await readBack(request.files, weightsPath, tensors, request.signal);
    const worstDeviation = await verify(request, weightsPath, written);
    return {
      path,
      format,
      bytes: bytes + configBytes + stageBytes,
      weightBytes: bytes,
      modules: written,
      worstDeviation,
    };
  });
}

/** mlx-lm looks for `adapters.safetensors`; a source of another container gives no name for a safetensors file. */
function weightsNameOf({ format, sources }: WriteRequest): string {
  if (format === "mlx") return mlxWeights;
  const own = baseName(sources[0]?.checkpoint.path ?? "");
  return format === "kept" && own.endsWith(".safetensors") ? own : peftWeights;
}

function configText({ format, parentConfig, config }: WriteRequest, written: readonly WrittenModule[]) {
  if (format === "mlx") return mlxConfigText(parentConfig, written, config);
  return format === "kept" && parentConfig?.has("peft_type") === false
    ? keptConfigText(parentConfig, written)
    : peftConfigText(parentConfig, written, config);
}

async function writeFile(request: WriteRequest): Promise<WrittenAdapter> {
  const { sink, output, path, replace, format } = request;
  const file = await sink.createFile(path, { replace });
  return finishOutput(file, request, async () => {
    const { written, tensors, bytes } = await writeFactors(file.writer, output, factorNames[format], request);
    await readBack(request.files, file.temporaryPath, tensors, request.signal);
    const worstDeviation = await verify(request, file.temporaryPath, written);
    return { path, format, bytes, weightBytes: bytes, modules: written, worstDeviation };
  });
}

async function writeText(folder: FolderOutput, name: string, text: string): Promise<number> {
  const bytes = new TextEncoder().encode(text);
  const writer = await folder.create(name);
  try {
    await writer.writeAt(0, bytes);
  } finally {
    await writer.close();
  }
  return bytes.length;
}

/** Rounding of the factors changes a norm by far less; a wrong scale, order or shape by more. */
function toleranceOf({ dtype }: OutputModule): number {
  return 1e-5 + 6 * rmsRounding(dtype);
}

async function verify(
  request: WriteRequest,
  /** Of the weights: a folder is opened by them, whatever the names beside them say. */
  path: string,
  written: readonly WrittenModule[],
): Promise<number> {
  const { files, output, signal, report } = request;
  const session = await CheckpointSession.open(files, path, () => undefined, signal);
  const found = new Map(session.adapter?.modules.map((module) => [module.module, module]));
  const reader = session.tensorReader();
  let worst = 0;
  try {
    for (const [index, { module, norm, rank, probe }] of written.entries()) {
      signal?.throwIfAborted();
      report?.(index, written.length, `Reading back ${module}`);
      const own = found.get(module);
      const measured =
        own === undefined
          ? undefined
          : await measureModule(own, (tensor) => reader.read(tensor, signal), signal);
      const actual = measured?.measurement.metrics?.frobenius ?? Number.NaN;
      const deviation = norm === 0 ? actual : Math.abs(actual / norm - 1);
      const planned = output.modules[index];
      if (own?.rank !== rank || planned === undefined || !(deviation <= toleranceOf(planned))) {
        throw wrongResult(module, norm, actual);
      }
      const factors = measured?.analysis?.factors;
      if (factors !== undefined) {
        const moved = probeDeviation(
          probe,
          probeOf(factors.a, factors.b, factors.scale),
          norm,
          factors.a.cols,
        );
        if (!(moved <= probeTolerance * toleranceOf(planned))) throw otherUpdate(module, moved);
      }
      worst = Math.max(worst, deviation);
    }
  } finally {
    await reader.close();
  }
  return worst;
}

/** Of a vector rounding shows at first order, of a norm at second. */
const probeTolerance = 8;

function otherUpdate(module: string, moved: number): CheckpointError {
  const message = `What was written was read back and is another update: ΔW of ${module} has the right norm, but acts otherwise (by ${moved} of it). Nothing was kept.`;
  return new CheckpointError("WrongResult", message);
}

function wrongResult(module: string, expected: number, actual: number): CheckpointError {
  const message =
    `What was written was read back and is not what was meant: ‖ΔW‖ of ${module} is ${actual} and should be ` +
    `${expected}. Nothing was kept. In F16 values may be out of range: try F32 or BF16.`;
  return new CheckpointError("WrongResult", message);
}
