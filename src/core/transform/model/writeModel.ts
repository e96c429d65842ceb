import type { FileSink, FileWriter } from "../../bytes/fileSink";
import type { Files } from "../../bytes/files";
import { joinPath } from "../../bytes/paths";
import { SafetensorsWriter } from "../../formats/safetensors/write";
import { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";
import type { LongWork } from "../../session/longWork";
import { finishOutput } from "../finishOutput";
import { readBack } from "../readBack";
import { refuseSources } from "../refuseSources";
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

/**
 * Writes a model as safetensors under another name, reads every byte back, and gives it its name only when all of them
 * are what was written. Nothing is left behind when it fails or is cancelled.
 * @throws CheckpointError `Exists`, `HoldsOthers`, `SourceInPlace`, `InsideSource`, `NothingToWrite`, `WrongResult`,
 * `FileChanged`.
 */
export async function writeModel(request: WriteModelRequest): Promise<WrittenModel> {
  const { files, sink, output, path, replace, sources, maxShardBytes } = request;
  if (output.tensors.length === 0)
    throw new CheckpointError("NothingToWrite", "There is no tensor to write.", undefined, path);
  await refuseSources(files, path, sources);
  if (path.endsWith(".safetensors")) {
    const file = await sink.createFile(path, { replace });
    return finishOutput(file, request, async () => {
      await writeShard(request, file.writer, file.temporaryPath, output.tensors, 0);
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
  return finishOutput(folder, request, async () => {
    const names: string[] = [];
    let done = 0;
    for (const shard of shards) {
      const path = joinPath(folder.temporaryPath, shard.file);
      await writeShard(request, await folder.create(shard.file), path, shard.tensors, done);
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

/** Writes a file of weights and reads it back. */
async function writeShard(
  { files, output, report, signal }: WriteModelRequest,
  file: FileWriter,
  path: string,
  tensors: readonly OutputTensor[],
  doneBefore: number,
): Promise<void> {
  const total = output.tensors.reduce((sum, tensor) => sum + byteSizeOf(tensor), 0);
  const writer = new SafetensorsWriter(file, tensors, output.metadata ?? usualMetadata);
  let done = doneBefore;
  try {
    for (const tensor of tensors) {
      signal?.throwIfAborted();
      report?.(done, total, tensor.name);
      await writer.add(tensor.name, tensor.shape, stoppable(tensor.pieces(signal), signal));
      done += byteSizeOf(tensor);
    }
    await writer.finish();
  } finally {
    await file.close();
  }
  await readBack(files, path, writer.written, signal);
}

async function* stoppable(
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  for await (const piece of pieces) {
    signal?.throwIfAborted();
    yield piece;
  }
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
