import { finishNumbers } from "../../core/analysis/finishNumbers";
import { mergePartial, type PartialNumbers } from "../../core/analysis/tensorMeasurer";
import { type PackedWeight, rowsOf } from "../../core/tensors/packed/packedWeight";
import type { Extent } from "../../core/tensors/plainExtent";
import type { Tensor } from "../../core/tensors/tensor";
import { JobPaths } from "./jobPaths";
import type { PackedPiece, PieceResult } from "./numbersJob";
import { PartsInOrder } from "./partsInOrder";
import { maxPiecesOfJob, type PlanListener, pieceBytes } from "./scanPlan";
import { unpackedEncoding } from "./unpackPiece";

/** A packed weight, and where each of its `stored` tensors lies. */
export interface PlacedWeight {
  readonly index: number;
  readonly weight: PackedWeight;
  readonly extents: readonly Extent[];
}

interface PackedStep {
  readonly piece: PackedPiece;
  readonly index: number;
  readonly parts: PartsInOrder<PartialNumbers>;
  readonly at: number;
}

interface PackedJob {
  readonly paths: readonly string[];
  readonly steps: readonly PackedStep[];
}

/** What is stored of a weight, plainly at its extents, in files as a job numbers them. */
export function placedStored(
  { stored }: PackedWeight,
  extents: readonly Extent[],
  addFile: (fileIndex: number) => number,
): readonly Tensor[] {
  return stored.map(({ name, dtype, shape, byteSize, fileIndex, codes }, at): Tensor => {
    const { offset } = extents[at] as Extent;
    const place = { offset, fileIndex: addFile(fileIndex) };
    return { name, dtype, shape, byteSize, ...place, ...(codes === undefined ? {} : { codes }) };
  });
}

/** Turns packed weights into rows for threads, and what these find into numbers of their values. */
export class PackedPlan {
  private readonly failed = new Set<number>();

  constructor(
    private readonly placed: readonly PlacedWeight[],
    private readonly pathOf: (fileIndex: number) => string,
    private readonly listener: PlanListener,
  ) {}

  *jobs(): Generator<PackedJob> {
    let [paths, steps, bytes]: [JobPaths, PackedStep[], number] = [new JobPaths(this.pathOf), [], 0];
    for (const placed of this.placed) {
      for (const step of this.steps(placed, paths)) {
        steps.push(step);
        bytes += step.piece.bytes;
        if (bytes < pieceBytes && steps.length < maxPiecesOfJob) continue;
        yield { paths: paths.list, steps };
        [steps, bytes] = [[], 0];
      }
      if (steps.length === 0) paths = new JobPaths(this.pathOf);
    }
    if (steps.length > 0) yield { paths: paths.list, steps };
  }

  /** Takes what a thread found for the steps of a job. */
  take({ steps }: PackedJob, results: readonly PieceResult[]): void {
    for (const [at, { failure, numbers, partial }] of results.entries()) {
      const { index, parts, at: place } = steps[at] as PackedStep;
      if (this.failed.has(index)) continue;
      if (failure !== undefined) {
        this.failed.add(index);
        this.listener.onUnreadable(index, failure);
        continue;
      }
      if (numbers !== undefined) this.listener.onMeasured(index, { numbers });
      const whole = partial && parts.add(place, partial);
      if (whole !== undefined)
        this.listener.onMeasured(index, { numbers: finishNumbers(whole, unpackedEncoding) });
    }
  }

  private *steps({ index, weight, extents }: PlacedWeight, paths: JobPaths): Generator<PackedStep> {
    const total = extents.reduce((sum, { length }) => sum + length, 0);
    const { rows } = rowsOf(weight.shape);
    const stride = Math.max(1, Math.ceil(rows / Math.max(1, Math.ceil(total / pieceBytes))));
    const count = Math.max(1, Math.ceil(rows / stride));
    const parts = new PartsInOrder<PartialNumbers>(count, mergePartial);
    const stored = placedStored(weight, extents, (fileIndex) => paths.add(fileIndex));
    for (let at = 0; at < count; at++) {
      const firstRow = at * stride;
      const taken = Math.min(stride, rows - firstRow);
      const bytes = at === count - 1 ? total - at * Math.floor(total / count) : Math.floor(total / count);
      yield { piece: { stored, firstRow, rows: taken, bytes, isWhole: count === 1 }, index, parts, at };
    }
  }
}
