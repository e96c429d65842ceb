import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { TensorReader } from "../../../../src/core/checkpoint/tensorReader";
import type { FileContent } from "../../../../src/core/formats/format";
import { type ReadFileResult, readCheckpointFile } from "../../../../src/core/formats/readFile";
import type { Tensor } from "../../../../src/core/tensors/tensor";

/** Genuine files, which test/fixtures/makeTorchFixtures.py wrote. */
export const torchFixtures = join(import.meta.dirname, "../../../fixtures/torch");

export function fixture(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(torchFixtures, name)));
}

export function read(bytes: Uint8Array, name = "file.pt"): Promise<ReadFileResult> {
  return readCheckpointFile(new MemoryByteSource(bytes), name, name);
}

export async function contentOf(name: string): Promise<FileContent> {
  const { content } = await read(fixture(name), name);
  if (content === undefined) throw new Error(`${name} has no content`);
  return content;
}

/** A reader of the tensors of one file that is in memory. */
export function readerOf(bytes: Uint8Array): TensorReader {
  const files = {
    list: async () => [],
    stat: async () => undefined,
    open: async () => new MemoryByteSource(bytes),
    realPath: async (path: string) => path,
  };
  const file = { name: "f", path: "f", bytes: bytes.length, status: "ok" as const };
  const checkpoint = {
    path: "f",
    name: "f",
    folder: "",
    format: "torch-zip" as const,
    files: [file],
    tensors: [],
    metadata: new Map(),
    aliases: new Map(),
    wholeModelPath: undefined,
    problems: [],
  };
  return new TensorReader(files, checkpoint);
}

export async function readTensor(bytes: Uint8Array, tensor: Tensor | undefined): Promise<Uint8Array> {
  if (tensor === undefined) throw new Error("no tensor");
  return readerOf(bytes).read(tensor);
}

export function byName(parsed: ReadFileResult): ReadonlyMap<string, Tensor> {
  return new Map(parsed.tensors.map((tensor) => [tensor.name, tensor]));
}
