import { fillRange, type PieceCopy, PieceMap, placeRuns } from "../../core/tensors/pieceCopies";
import type { JobFiles } from "./jobFiles";
import type { JoinedPart, JoinedTensor } from "./numbersJob";

/** What is read of a part whose elements are then put where they belong. Kept: fresh memory costs more than reading. */
let scratch = new Uint8Array();

/** Reads ranges of a tensor that is made of pieces, in the tensor's own order. */
export class JoinedRead {
  private readonly map: PieceMap;

  constructor(
    private readonly files: JobFiles,
    private readonly tensor: JoinedTensor,
  ) {
    this.map = new PieceMap(
      tensor.parts.map(({ place }) => place),
      tensor.shape,
    );
  }

  /** Fills `target` with whole elements, and says why it failed. */
  read(offset: number, target: Uint8Array, length: number): string | undefined {
    const { elementBytes, mayOverlap } = this.tensor;
    const first = offset / elementBytes;
    const count = length / elementBytes;
    const copies = this.map.copies(first, first + count);
    if (!fillRange(copies, count, mayOverlap)) return "The pieces do not hold each of its elements once.";
    for (const copy of copies) {
      const failure = this.copy(copy, target);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  private copy(copy: PieceCopy, target: Uint8Array): string | undefined {
    const { elementBytes, parts } = this.tensor;
    const { file, offset } = parts[copy.piece] as JoinedPart;
    const from = offset + copy.source * elementBytes;
    const length = copy.count * elementBytes;
    if (copy.runs.length === 3) {
      return this.files.read(file, from, target, length, (copy.runs[1] as number) * elementBytes);
    }
    if (scratch.length < length) scratch = new Uint8Array(length);
    const failure = this.files.read(file, from, scratch, length);
    if (failure === undefined) placeRuns(scratch, copy, elementBytes, target);
    return failure;
  }
}
