import { finishNumbers } from "../../core/analysis/finishNumbers";
import { paddingOf } from "../../core/analysis/measureTensor";
import { encodingKey, encodingOf } from "../../core/analysis/numberEncoding";
import { mergePartial, type PartialNumbers } from "../../core/analysis/tensorMeasurer";
import type { Extent } from "../../core/tensors/plainExtent";
import type { Tensor } from "../../core/tensors/tensor";
import type { MeasuredTensor } from "./numbersCache";
import type { Piece, PieceResult } from "./numbersJob";
import { PartsInOrder } from "./partsInOrder";
import { planSegments, type Segment, type WantedExtent } from "./segments";

/** A tensor that is to be measured, and where it lies. */
export interface PlacedTensor {
  readonly index: number;
  readonly tensor: Tensor;
  readonly extent: Extent;
}

/** Told once for each tensor of a plan. */
export interface PlanListener {
  onMeasured(index: number, measured: MeasuredTensor): void;
  onUnreadable(index: number, reason: string): void;
}

/** A tensor larger than this is measured by several threads. */
export const pieceBytes = 64 * 1024 * 1024;

/** Small tensors are sent to a thread by the hundred: a message costs more than measuring one. */
export const maxPiecesOfJob = 512;

/** A range to be read, and the parts of a tensor that wait for it. */
interface Step {
  readonly piece: Piece;
  readonly segment: PlannedSegment;
  readonly at: number;
}

interface PlannedSegment {
  readonly segment: Segment;
  readonly parts: PartsInOrder<PartialNumbers>;
}

interface PlannedTensor {
  readonly tensor: Tensor;
  /** Bytes of the segments that are still to come. */
  missingBytes: number;
  /** In the order of the file. */
  readonly parts: { readonly offset: number; readonly partial: PartialNumbers }[];
  isFailed: boolean;
}

/** Turns the wanted tensors of one file into pieces for threads, and their results into numbers of tensors. */
export class ScanPlan {
  private readonly tensors = new Map<number, PlannedTensor>();
  private readonly segments: readonly Segment[];

  constructor(
    placed: readonly PlacedTensor[],
    private readonly hash: boolean,
    private readonly listener: PlanListener,
  ) {
    const wanted = placed.map(({ index, tensor, extent }): WantedExtent => {
      this.tensors.set(index, { tensor, missingBytes: extent.length, parts: [], isFailed: false });
      const encoding = encodingKey(tensor);
      const { unitBytes = 1, codesPerByte = 1 } = encoding === undefined ? {} : encodingOf(encoding);
      return { ...extent, index, encoding, unitBytes, padding: paddingOf(tensor, codesPerByte) };
    });
    this.segments = planSegments(wanted, { uncut: hash });
  }

  /** Bytes that will be read. */
  get totalBytes(): number {
    return this.segments.reduce((sum, { length }) => sum + length, 0);
  }

  /** Lists of steps, each the work of one job, in the order of the file. */
  *jobs(path: string): Generator<{ readonly paths: readonly string[]; readonly steps: readonly Step[] }> {
    const paths = [path];
    let steps: Step[] = [];
    let bytes = 0;
    for (const segment of this.segments) {
      for (const step of this.steps(segment)) {
        steps.push(step);
        bytes += step.piece.length;
        if (bytes < pieceBytes && steps.length < maxPiecesOfJob) continue;
        yield { paths, steps };
        steps = [];
        bytes = 0;
      }
    }
    if (steps.length > 0) yield { paths, steps };
  }

  /** Takes what a thread found for the steps of a job. */
  take(steps: readonly Step[], results: readonly PieceResult[]): void {
    for (const [at, result] of results.entries()) {
      const step = steps[at];
      if (step !== undefined) this.takeOne(step, result);
    }
  }

  private *steps(segment: Segment): Generator<Step> {
    const { offset, length, encoding, padding, indexes } = segment;
    const unitBytes = encoding === undefined ? 1 : encodingOf(encoding).unitBytes;
    const stride = this.hash ? length : Math.floor(pieceBytes / unitBytes) * unitBytes;
    const count = Math.ceil(length / stride);
    const isWhole = count === 1 && indexes.every((index) => this.tensors.get(index)?.missingBytes === length);
    const planned: PlannedSegment = { segment, parts: new PartsInOrder(count, mergePartial) };
    for (let at = 0; at < count; at++) {
      const start = at * stride;
      const isLast = at === count - 1;
      const piece: Piece = {
        offset: offset + start,
        length: isLast ? length - start : stride,
        encoding,
        padding: isLast ? padding : 0,
        isWhole,
        hash: this.hash,
      };
      yield { piece, segment: planned, at };
    }
  }

  private takeOne({ segment: planned, at }: Step, result: PieceResult): void {
    const { indexes } = planned.segment;
    const { failure, numbers, partial, sha256 } = result;
    if (failure !== undefined) {
      for (const index of indexes) this.fail(index, failure);
      return;
    }
    if (partial === undefined) {
      const measured = { numbers, ...(sha256 === undefined ? {} : { sha256 }) };
      for (const index of indexes) this.listener.onMeasured(index, measured);
      return;
    }
    const whole = planned.parts.add(at, partial);
    if (whole === undefined) return;
    const { offset, length } = planned.segment;
    for (const index of indexes) this.addPart(index, offset, length, whole, sha256);
  }

  private addPart(
    index: number,
    offset: number,
    length: number,
    partial: PartialNumbers,
    sha256: string | undefined,
  ): void {
    const planned = this.tensors.get(index);
    const key = planned && encodingKey(planned.tensor);
    if (planned === undefined || key === undefined || planned.isFailed) return;
    planned.parts.push({ offset, partial });
    planned.missingBytes -= length;
    if (planned.missingBytes > 0) return;
    const parts = planned.parts.splice(0).sort((a, b) => a.offset - b.offset);
    const numbers = finishNumbers(parts.map(({ partial }) => partial).reduce(mergePartial), encodingOf(key));
    this.listener.onMeasured(index, { numbers, ...(sha256 === undefined ? {} : { sha256 }) });
  }

  private fail(index: number, reason: string): void {
    const planned = this.tensors.get(index);
    if (planned === undefined || planned.isFailed) return;
    planned.isFailed = true;
    planned.parts.length = 0;
    this.listener.onUnreadable(index, reason);
  }
}
