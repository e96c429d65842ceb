import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { finishNumbers } from "../../core/analysis/finishNumbers";
import { encodingOf } from "../../core/analysis/numberEncoding";
import type { NumberKernels } from "../../core/analysis/numberKernels";
import { bytesOfValues, type ComparedEncoding, TensorComparer } from "../../core/analysis/tensorComparer";
import { TensorMeasurer } from "../../core/analysis/tensorMeasurer";
import { UnexpectedEndError } from "../../core/bytes/byteSource";
import type { ComparePiece, ComparePieceResult, Job, JobControl, Piece, PieceResult } from "./numbersJob";

/**
 * Does a job, each byte read once, into the memory of the kernels: fresh memory for every chunk would cost a hundred
 * times the reading. Synchronous: a thread does nothing else meanwhile.
 */
export function runJob(job: Job, kernels: NumberKernels): readonly (PieceResult | ComparePieceResult)[] {
  const { control } = job;
  const paths = job.kind === "compare" ? job.paths : [job.path];
  const files: number[] = [];
  try {
    for (const path of paths) files.push(openSync(path, "r"));
    if (job.kind === "compare") {
      const both = files as [number, number];
      return untilCancelled(job.pieces, control, (piece) => comparePiece(both, piece, kernels, control));
    }
    const [file] = files as [number];
    return untilCancelled(job.pieces, control, (piece) => measurePiece(file, piece, kernels, control));
  } catch (error) {
    return job.pieces.map(() => ({ failure: messageOf(error) }));
  } finally {
    for (const file of files) closeSync(file);
  }
}

function untilCancelled<P, R>(pieces: readonly P[], control: JobControl, work: (piece: P) => R): R[] {
  const results: R[] = [];
  for (const piece of pieces) {
    if (control.isCancelled) break;
    results.push(work(piece));
  }
  return results;
}

function comparePiece(
  files: readonly [number, number],
  { offsets, encodings, values }: ComparePiece,
  kernels: NumberKernels,
  control: JobControl,
): ComparePieceResult {
  const sides = encodings.map((key) => ({ dtype: key.dtype, encoding: encodingOf(key) })) as [
    ComparedEncoding,
    ComparedEncoding,
  ];
  const comparer = new TensorComparer(kernels, ...sides);
  const chunks = [kernels.chunk, kernels.otherChunk] as const;
  const bytesBefore = (side: 0 | 1, count: number) =>
    bytesOfValues(sides[side].encoding, sides[side].dtype, count);
  let failure: string | undefined;
  for (let done = 0; done < values && failure === undefined && !control.isCancelled; ) {
    const count = Math.min(comparer.chunkValues, values - done);
    for (const side of [0, 1] as const) {
      const from = bytesBefore(side, done);
      const length = bytesBefore(side, done + count) - from;
      failure ??= readChunk(files[side], offsets[side] + from, chunks[side], length);
      control.addBytes(length);
    }
    if (failure === undefined) comparer.add(count);
    done += count;
  }
  const partial = comparer.take();
  return failure === undefined ? { partial } : { failure };
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
