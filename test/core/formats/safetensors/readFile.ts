import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { type ReadFileResult, readCheckpointFile } from "../../../../src/core/formats/readFile";
import { CheckpointError } from "../../../../src/core/problem/checkpointError";
import type { Problem } from "../../../../src/core/problem/problem";
import { type FileSpec, fileHead, safetensorsFile } from "../../../support/made/safetensorsFile";

export const path = "/run/model.safetensors";

export function readBytes(bytes: Uint8Array, fileName = "model.safetensors"): Promise<ReadFileResult> {
  return readCheckpointFile(new MemoryByteSource(bytes), fileName, path);
}

export function read(spec: FileSpec): Promise<ReadFileResult> {
  return readBytes(safetensorsFile(spec));
}

/** A file whose header is this text, with `dataSize` bytes behind it. */
export function readHeader(header: string, dataSize = 0): Promise<ReadFileResult> {
  return read({ header, data: new Uint8Array(dataSize) });
}

/** The error that reading must end with. */
export async function errorOf(reading: Promise<unknown>): Promise<CheckpointError> {
  try {
    await reading;
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
  throw new Error("The file was read");
}

export function problemsOf(result: { readonly problems: readonly Problem[] }, code: string): Problem[] {
  return result.problems.filter((problem) => problem.code === code);
}

/** Where a part of the header's text lies in the file. */
export function offsetOf(header: string, part: string): number {
  const head = fileHead({ header: header.slice(0, header.indexOf(part)) });
  return head.length;
}
