import type { FileSink, FileWriter } from "../../bytes/fileSink";
import type { Files } from "../../bytes/files";
import { baseName, joinPath } from "../../bytes/paths";
import { readCheckpointFile } from "../../formats/readFile";
import { SafetensorsWriter } from "../../formats/safetensors/write";
import { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";
import type { LongWork } from "../../session/longWork";
import { finishOutput } from "../finishOutput";
import { refuseSources } from "../refuseSources";
import { Checksum } from "./checksum";
import type { CarriedFile, ModelOutput, OutputTensor } from "./modelOutput";
import { byteSizeOf, indexNameOf, indexText, type ModelShard, shardsOf } from "./shards";

/** Where a model is written, and how. */
export interface ModelTarget extends LongWork {
  readonly files: Files;
  readonly sink: FileSink;
  /** A folder, or one file where it ends in `.safetensors`. */
  readonly path: string;
  readonly replace: boolean;
  /** Of one file of weights in a folder. */
  readonly maxShardBytes: number;
}

export interface WriteModelRequest extends ModelTarget {
  readonly output: ModelOutput;
  /** Checkpoints that it is made from. */
  readonly sources: readonly CheckpointSession[];
  /** Of `checkpoint-stage.json`, asked for when the weights are written; written in a folder only. */
  readonly stageText?: (path: string) => string;
  /** Asked when the weights are written, before they get their name; what it throws stops it. */
  readonly check?: () => void;
}

export interface WrittenModel {
  readonly path: string;
  readonly files: readonly string[];
  readonly tensors: number;
  /** Of the tensors. */
  readonly bytes: number;
}

/** What may lie in a folder that is replaced. */
const stageName = "checkpoint-stage.json";
/** What transformers asks of a file before it loads it. */
const usualMetadata: ReadonlyMap<string, string> = new Map([["format", "pt"]]);
const readBackBytes = 1024 * 1024;

/**
 * Writes a model as safetensors under another name, reads every byte back, and gives it its name only when all of them
 * are what was written. Nothing is left behind when it fails or is cancelled.
 * @throws CheckpointError `Exists`, `HoldsOthers`, `SourceInPlace`, `InsideSource`, `NothingToWrite`, `WrongResult`.
 */
export async function writeModel(request: WriteModelRequest): Promise<WrittenModel> {
  const { files, sink, output, path, replace, sources, maxShardBytes } = request;
  if (output.tensors.length === 0)
    throw new CheckpointError("NothingToWrite", "There is no tensor to write.", undefined, path);
  await refuseSources(files, path, sources);
  if (path.endsWith(".safetensors")) {
    const file = await sink.createFile(path, { replace });
    return finishOutput(file, async () => {
      const sums = await writeShard(request, file.writer, output.tensors, 0);
      await readBack(request, file.temporaryPath, sums);
      request.check?.();
      return written(request, [path]);
    });
  }
  const shards = shardsOf(output.tensors, maxShardBytes, output.stem);
  const indexName = indexNameOf(output.stem);
  const extra = [...output.carried.map(({ name }) => name), indexName, stageName];
  const folder = await sink.createFolder(path, {
    replace,
    files: [...shards.map(({ file }) => file), ...extra],
  });
  return finishOutput(folder, async () => {
    const names: string[] = [];
    let done = 0;
    for (const shard of shards) {
      const sums = await writeShard(request, await folder.create(shard.file), shard.tensors, done);
      await readBack(request, joinPath(folder.temporaryPath, shard.file), sums);
      done += sizeOf(shard);
      names.push(shard.file);
    }
    request.check?.();
    const texts = [
      ...(shards.length > 1 ? [[indexName, indexText(shards)] as const] : []),
      ...(request.stageText === undefined ? [] : [[stageName, request.stageText(path)] as const]),
    ];
    for (const [name, text] of texts) {
      await writeBytes(await folder.create(name), new TextEncoder().encode(text));
      names.push(name);
    }
    for (const file of output.carried) {
      await carry(files, file, await folder.create(file.name));
      names.push(file.name);
    }
    return written(request, names);
  });
}

function written({ path, output }: WriteModelRequest, files: readonly string[]): WrittenModel {
  const bytes = output.tensors.reduce((sum, tensor) => sum + byteSizeOf(tensor), 0);
  return { path, files, tensors: output.tensors.length, bytes };
}

function sizeOf({ tensors }: ModelShard): number {
  return tensors.reduce((sum, tensor) => sum + byteSizeOf(tensor), 0);
}

/** The sum of each tensor's bytes, by its name. */
async function writeShard(
  { output, report, signal }: WriteModelRequest,
  file: FileWriter,
  tensors: readonly OutputTensor[],
  doneBefore: number,
): Promise<ReadonlyMap<string, string>> {
  const total = output.tensors.reduce((sum, tensor) => sum + byteSizeOf(tensor), 0);
  const sums = new Map<string, string>();
  const writer = new SafetensorsWriter(file, tensors, output.metadata ?? usualMetadata);
  let done = doneBefore;
  try {
    for (const tensor of tensors) {
      signal?.throwIfAborted();
      report?.(done, total, tensor.name);
      const sum = new Checksum();
      await writer.add(tensor.name, tensor.shape, counted(tensor.pieces(signal), sum, signal));
      sums.set(tensor.name, sum.value);
      done += byteSizeOf(tensor);
    }
    await writer.finish();
  } finally {
    await file.close();
  }
  return sums;
}

async function* counted(
  pieces: AsyncIterable<Uint8Array>,
  sum: Checksum,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  for await (const piece of pieces) {
    signal?.throwIfAborted();
    sum.add(piece);
    yield piece;
  }
}

/** @throws CheckpointError `WrongResult` where the file on the disk is not what was written. */
async function readBack(
  { files, signal, output }: WriteModelRequest,
  path: string,
  sums: ReadonlyMap<string, string>,
): Promise<void> {
  const planned = new Map(output.tensors.map((tensor) => [tensor.name, tensor]));
  const source = await files.open(path);
  try {
    const { tensors } = await readCheckpointFile(source, path, baseName(path), signal);
    if (tensors.length !== sums.size) throw wrongResult(`${tensors.length} tensors`);
    for (const tensor of tensors) {
      const meant = planned.get(tensor.name);
      if (meant?.dtype !== tensor.dtype || meant.shape.join() !== tensor.shape.join())
        throw wrongResult(tensor.name);
      const sum = new Checksum();
      for (let offset = 0; offset < tensor.byteSize; offset += readBackBytes) {
        signal?.throwIfAborted();
        const length = Math.min(readBackBytes, tensor.byteSize - offset);
        sum.add(await source.read(tensor.offset + offset, length, signal));
      }
      if (sum.value !== sums.get(tensor.name)) throw wrongResult(tensor.name);
    }
  } finally {
    await source.close();
  }
}

function wrongResult(what: string): CheckpointError {
  const message = `What was written was read back and is not what was meant: ${what}. Nothing was kept.`;
  return new CheckpointError("WrongResult", message);
}

async function carry(files: Files, { path, edit }: CarriedFile, to: FileWriter): Promise<void> {
  const source = await files.open(path);
  try {
    const bytes = await source.read(0, source.size);
    const edited = edit && new TextEncoder().encode(edit(new TextDecoder().decode(bytes)));
    await writeBytes(to, edited ?? bytes);
  } finally {
    await source.close();
  }
}

async function writeBytes(writer: FileWriter, bytes: Uint8Array): Promise<void> {
  try {
    await writer.writeAt(0, bytes);
  } finally {
    await writer.close();
  }
}
