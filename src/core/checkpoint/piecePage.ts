import { describePlace, placeCount, unreadablePart } from "../tensors/assembly";
import type { Tensor } from "../tensors/tensor";
import type { Checkpoint } from "./checkpoint";

/** One of the pieces that a tensor is made of, as it is shown. */
export interface PieceRow {
  /** e.g. "rows 4 to 7" */
  readonly place: string;
  readonly elements: number;
  /** Name of the file that holds it. */
  readonly file: string;
  /** e.g. "rank 3" */
  readonly rank?: string;
  /** About where it begins in its file. */
  readonly offset: number;
  /** Why there are no bytes. A clause without a full stop. */
  readonly absent?: string;
}

/** Some of a tensor's pieces, in the order of their first elements. */
export interface PiecePage {
  readonly total: number;
  readonly rows: readonly PieceRow[];
  /** What of the tensor cannot be read, and why: one sentence. */
  readonly unreadable?: string;
}

const pageRows = 200;

/** Undefined for a tensor whose bytes lie in one place. */
export function piecePage(
  { files }: Pick<Checkpoint, "files">,
  tensor: Tensor,
  from: number,
): PiecePage | undefined {
  const { assembly, shape } = tensor;
  if (assembly === undefined) return undefined;
  const unreadable = unreadablePart(tensor);
  const first = Math.max(0, Math.trunc(from));
  return {
    total: assembly.pieces.length,
    rows: assembly.pieces.slice(first, first + pageRows).map(({ place, fileIndex, region, absent }) => {
      const file = files[fileIndex];
      return {
        place: describePlace(place, shape),
        elements: placeCount(place),
        file: file?.name ?? "",
        ...(file?.rank === undefined ? {} : { rank: file.rank }),
        offset: region.fileOffset,
        ...(absent === undefined ? {} : { absent }),
      };
    }),
    ...(unreadable === undefined ? {} : { unreadable }),
  };
}
