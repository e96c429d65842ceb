import { finishNumbers } from "../../core/analysis/finishNumbers";
import { encodingKey, encodingOf } from "../../core/analysis/numberEncoding";
import { mergePartial, type PartialNumbers } from "../../core/analysis/tensorMeasurer";
import { firstElement, lastElement, placeCount } from "../../core/tensors/assembly";
import { elementBytesOf } from "../../core/tensors/dtype";
import type { Extent } from "../../core/tensors/plainExtent";
import type { Tensor } from "../../core/tensors/tensor";
import { JobPaths } from "./jobPaths";
import type { JoinedTensor, Piece, PieceResult } from "./numbersJob";
import { PartsInOrder } from "./partsInOrder";
import { maxPiecesOfJob, type PlanListener, pieceBytes } from "./scanPlan";
import type { PlacedPiece } from "./tensorPlaces";

/** A tensor that is made of pieces, and where these lie. */
export interface PlacedAssembly {
  readonly index: number;
  readonly tensor: Tensor;
  readonly pieces: readonly PlacedPiece[];
}

interface JoinedStep {
  readonly piece: Piece;
  readonly target: JoinedTarget;
  readonly at: number;
}

interface JoinedTarget {
  readonly index: number;
  readonly tensor: Tensor;
  readonly parts: PartsInOrder<PartialNumbers>;
  isFailed: boolean;
}

/** The work of one job: ranges of joined tensors, and the files that these lie in. */
export interface JoinedJob {
  readonly paths: readonly string[];
  readonly steps: readonly JoinedStep[];
}

/** Parts of a tensor that are sent with each range of it: more would make the message larger than the work. */
export const manyParts = 4096;

/** Turns assembled tensors into ranges for threads, in the order of their elements, and the results into numbers. */
export class JoinedPlan {
  constructor(
    private readonly placed: readonly PlacedAssembly[],
    private readonly pathOf: (fileIndex: number) => string,
    private readonly hash: boolean,
    private readonly listener: PlanListener,
  ) {}

  *jobs(): Generator<JoinedJob> {
    let paths = new JobPaths(this.pathOf);
    let steps: JoinedStep[] = [];
    let bytes = 0;
    let parts = 0;
    for (const each of this.placed) {
      const placed = this.hash ? each : inOrderOfPieces(each);
      for (const range of ranges(placed, this.hash)) {
        const joined = joinedOfPiece(placed, range.piece, (fileIndex) => paths.add(fileIndex));
        steps.push({ ...range, piece: { ...range.piece, joined } });
        bytes += range.piece.length;
        parts += joined.parts.length;
        if (bytes < pieceBytes && steps.length < maxPiecesOfJob && parts < manyParts) continue;
        yield { paths: paths.list, steps };
        paths = new JobPaths(this.pathOf);
        steps = [];
        bytes = 0;
        parts = 0;
      }
    }
    if (steps.length > 0) yield { paths: paths.list, steps };
  }

  /** Takes what a thread found for the steps of a job. */
  take({ steps }: JoinedJob, results: readonly PieceResult[]): void {
    for (const [at, result] of results.entries()) {
      const step = steps[at];
      if (step !== undefined) this.takeOne(step, result);
    }
  }

  private takeOne({ target, at }: JoinedStep, { failure, numbers, partial, sha256 }: PieceResult): void {
    const { index, tensor } = target;
    if (target.isFailed) return;
    if (failure !== undefined) {
      target.isFailed = true;
      this.listener.onUnreadable(index, failure);
      return;
    }
    const hash = sha256 === undefined ? {} : { sha256 };
    if (partial === undefined) {
      this.listener.onMeasured(index, { numbers, ...hash });
      return;
    }
    const whole = target.parts.add(at, partial);
    const key = encodingKey(tensor);
    if (whole === undefined || key === undefined) return;
    this.listener.onMeasured(index, { numbers: finishNumbers(whole, encodingOf(key)), ...hash });
  }
}

/**
 * The same values one piece after the other: their numbers do not depend on the order, and each piece is then read in
 * one go, where the columns of a row may lie in as many files as there are processes. Pieces that may overlap stay
 * where they are, which shows it.
 */
function inOrderOfPieces(placed: PlacedAssembly): PlacedAssembly {
  const { tensor, pieces } = placed;
  if (tensor.assembly?.isUnchecked === true) return placed;
  let first = 0;
  const laid = pieces.map(({ place, ...piece }): PlacedPiece => {
    const count = placeCount(place);
    const flat = { ...piece, place: { kind: "flat" as const, first, count } };
    first += count;
    return flat;
  });
  return { ...placed, tensor: { ...tensor, shape: [first] }, pieces: laid };
}

function* ranges({ index, tensor }: PlacedAssembly, hash: boolean): Generator<JoinedStep> {
  const width = elementBytesOf(tensor.dtype) ?? 1;
  const total = tensor.byteSize;
  // A hash needs the whole in its order.
  const stride = hash ? total : Math.floor(pieceBytes / width) * width;
  const count = Math.ceil(total / stride);
  const target = { index, tensor, parts: new PartsInOrder(count, mergePartial), isFailed: false };
  for (let at = 0; at < count; at++) {
    const offset = at * stride;
    const length = Math.min(stride, total - offset);
    const encoding = encodingKey(tensor);
    yield { piece: { offset, length, encoding, padding: 0, isWhole: count === 1, hash }, target, at };
  }
}

/** With the parts alone that a range of its bytes needs. */
export function joinedOfPiece(
  { tensor, pieces }: Omit<PlacedAssembly, "index">,
  { offset: start, length }: Extent,
  addFile: (fileIndex: number) => number,
): JoinedTensor {
  const { shape } = tensor;
  const elementBytes = elementBytesOf(tensor.dtype) ?? 1;
  const first = start / elementBytes;
  const end = first + length / elementBytes;
  const needed = pieces.filter(
    ({ place }) => firstElement(place, shape) < end && lastElement(place, shape) >= first,
  );
  return {
    shape,
    elementBytes,
    parts: needed.map(({ fileIndex, offset, place }) => ({ file: addFile(fileIndex), offset, place })),
    mayOverlap: tensor.assembly?.isUnchecked === true,
  };
}
