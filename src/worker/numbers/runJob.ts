import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { finishNumbers } from "../../core/analysis/finishNumbers";
import { encodingOf } from "../../core/analysis/numberEncoding";
import type { NumberKernels } from "../../core/analysis/numberKernels";
import { TensorMeasurer } from "../../core/analysis/tensorMeasurer";
import { UnexpectedEndError } from "../../core/bytes/byteSource";
import type { JobControl, JobResult, NumbersJob, Piece, PieceResult } from "./numbersJob";

/**
 * Measures the pieces of a job, each byte read once, into the memory of the kernels: fresh memory for every chunk
 * would cost a hundred times the reading. Synchronous: a thread does nothing else meanwhile.
 */
export function runJob({ path, pieces, control }: NumbersJob, kernels: NumberKernels): JobResult {
  const results: PieceResult[] = [];
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    return { results: pieces.map(() => ({ failure: messageOf(error) })) };
  }
  try {
    for (const piece of pieces) {
      if (control.isCancelled) break;
      results.push(measurePiece(file, piece, kernels, control));
    }
  } finally {
    closeSync(file);
  }
  return { results };
}

function measurePiece(file: number, piece: Piece, kernels: NumberKernels, control: JobControl): PieceResult {
  const encoding = piece.encoding === undefined ? undefined : encodingOf(piece.encoding);
  const measurer = encoding === undefined ? undefined : new TensorMeasurer(kernels, encoding);
  const hash = piece.hash ? createHash("sha256") : undefined;
  const step = measurer?.chunkBytes ?? kernels.chunk.length;
  let failure: string | undefined;
  for (let done = 0; done < piece.length && failure === undefined && !control.isCancelled; done += step) {
    const length = Math.min(step, piece.length - done);
    failure = readChunk(file, piece.offset + done, kernels.chunk, length);
    if (failure !== undefined) break;
    hash?.update(kernels.chunk.subarray(0, length));
    measurer?.add(length, done + length === piece.length ? piece.padding : 0);
    control.addBytes(length);
  }
  // Taken in any case: what was counted must not reach the next piece.
  const partial = measurer?.take();
  if (failure !== undefined) return { failure };
  return {
    ...(hash === undefined ? {} : { sha256: hash.digest("hex") }),
    ...(partial === undefined || encoding === undefined
      ? {}
      : piece.isWhole
        ? { numbers: finishNumbers(partial, encoding) }
        : { partial }),
  };
}

/** Says why it failed. A read may give fewer bytes than asked for, above all on network file systems. */
function readChunk(file: number, offset: number, chunk: Uint8Array, length: number): string | undefined {
  let done = 0;
  try {
    while (done < length) {
      const count = readSync(file, chunk, done, length - done, offset + done);
      if (count === 0) return new UnexpectedEndError(offset + done).message;
      done += count;
    }
  } catch (error) {
    return messageOf(error);
  }
  return undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
