import { createHash } from "node:crypto";
import { finishNumbers } from "../../core/analysis/finishNumbers";
import { encodingOf } from "../../core/analysis/numberEncoding";
import type { NumberKernels } from "../../core/analysis/numberKernels";
import { bytesOfValues, type ComparedEncoding, TensorComparer } from "../../core/analysis/tensorComparer";
import { TensorMeasurer } from "../../core/analysis/tensorMeasurer";
import { messageOf } from "../../core/problem/messageOf";
import { type HeatBand, readHeatBand } from "../../core/values/heatMap";
import { JobFiles } from "./jobFiles";
import { JoinedRead } from "./joinedRead";
import type {
  BytesJob,
  HeatBandResult,
  HeatJob,
  JobControl,
  PairPiece,
  PairPieceResult,
  Piece,
  PieceResult,
} from "./numbersJob";
import { UnpackedRead, unpackPiece } from "./unpackPiece";

/**
 * Does a job, each byte read once, into the memory of the kernels: fresh memory for every chunk would cost a hundred
 * times the reading. It waits for nothing but what is there already: a thread does nothing else meanwhile.
 */
export async function runJob(
  job: BytesJob,
  kernels: NumberKernels,
): Promise<readonly (PieceResult | PairPieceResult | HeatBandResult)[]> {
  const { control } = job;
  const files = new JobFiles(job.paths);
  try {
    switch (job.kind) {
      case "compare":
        return await untilCancelled(job.pieces, control, (piece) =>
          comparePiece(files, piece, kernels, control),
        );
      case "unpack":
        return await untilCancelled(job.pieces, control, (piece) =>
          unpackPiece(files, piece, job.hints, kernels, control),
        );
      case "heat":
        return await untilCancelled(job.pieces, control, (band) => heatBand(files, band, job, control));
      default:
        return await untilCancelled(job.pieces, control, (piece) =>
          measurePiece(files, piece, kernels, control),
        );
    }
  } finally {
    files.close();
  }
}

async function untilCancelled<P, R>(
  pieces: readonly P[],
  control: JobControl,
  work: (piece: P) => R | Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (const piece of pieces) {
    if (control.isCancelled) break;
    results.push(await work(piece));
  }
  return results;
}

async function comparePiece(
  files: JobFiles,
  { sides: places, encodings, values, columns = 1 }: PairPiece,
  kernels: NumberKernels,
  control: JobControl,
): Promise<PairPieceResult> {
  const sides = encodings.map((key) => ({ dtype: key.dtype, encoding: encodingOf(key) })) as [
    ComparedEncoding,
    ComparedEncoding,
  ];
  const comparer = new TensorComparer(kernels, ...sides);
  const chunks = [kernels.chunk, kernels.otherChunk] as const;
  const joined = places.map((place) =>
    place.packed
      ? new UnpackedRead(files, place.packed)
      : place.joined && new JoinedRead(files, place.joined),
  );
  const step = comparer.stepOf(columns);
  const bytesBefore = (side: 0 | 1, count: number) =>
    bytesOfValues(sides[side].encoding, sides[side].dtype, count);
  let failure: string | undefined;
  for (let done = 0; done < values && failure === undefined && !control.isCancelled; ) {
    const count = Math.min(step, values - done);
    for (const side of [0, 1] as const) {
      const from = bytesBefore(side, done);
      const length = bytesBefore(side, done + count) - from;
      const { file, offset, packed } = places[side];
      failure ??=
        joined[side] === undefined
          ? files.read(file, offset + from, chunks[side], length)
          : await joined[side].read(offset + from, chunks[side], length);
      if (packed === undefined) control.addBytes(length);
    }
    failure ??= failureOf(() => comparer.add(count));
    done += count;
  }
  for (const { packed } of places) if (packed !== undefined) control.addBytes(packed.bytes);
  const partial = comparer.take();
  return failure === undefined ? { partial } : { failure };
}

/** What one pair makes fail keeps no other from being compared. */
function failureOf(work: () => void): string | undefined {
  try {
    work();
  } catch (error) {
    return messageOf(error);
  }
  return undefined;
}

/** Of a cancelled job nobody looks at what is told. */
async function heatBand(
  files: JobFiles,
  band: HeatBand,
  { tensor, slice, plan }: Omit<HeatJob, "control">,
  control: JobControl,
): Promise<HeatBandResult> {
  const onValues = (count: number) => {
    control.addBytes(count);
    if (control.isCancelled) throw new Error("Cancelled");
  };
  try {
    return { cells: await readHeatBand(tensor, slice, plan, band, files.readRange, onValues) };
  } catch (error) {
    return { failure: messageOf(error) };
  }
}

function measurePiece(
  files: JobFiles,
  piece: Piece,
  kernels: NumberKernels,
  control: JobControl,
): PieceResult {
  const encoding = piece.encoding === undefined ? undefined : encodingOf(piece.encoding);
  const measurer = encoding === undefined ? undefined : new TensorMeasurer(kernels, encoding);
  const hash = piece.hash ? createHash("sha256") : undefined;
  const step = measurer?.chunkBytes ?? kernels.chunk.length;
  const joined = piece.joined === undefined ? undefined : new JoinedRead(files, piece.joined);
  let failure: string | undefined;
  for (let done = 0; done < piece.length && failure === undefined && !control.isCancelled; done += step) {
    const length = Math.min(step, piece.length - done);
    const offset = piece.offset + done;
    failure = joined
      ? joined.read(offset, kernels.chunk, length)
      : files.read(0, offset, kernels.chunk, length);
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
