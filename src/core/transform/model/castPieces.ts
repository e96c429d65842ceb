import { readAhead } from "../../bytes/readAhead";
import { decodeTensor } from "../../tensors/decode";
import { encodeBf16Counted, encodeValues, type RoundingSums, type WritableDtype } from "../../tensors/encode";
import type { ReadTensorRange } from "../../tensors/readTensorRange";
import { readValues } from "../../tensors/readValues";
import { elementCount, type Tensor } from "../../tensors/tensor";

/** What rounding to another dtype did to the values. */
export interface CastCost {
  /** Values that are others now. */
  changed: number;
  /** Values that were finite and are infinite now. */
  overflowed: number;
  /** Σ(rounded − value)² and Σvalue², of the finite ones. */
  errorSquares: number;
  squares: number;
}

export function noCost(): CastCost {
  return { changed: 0, overflowed: 0, errorSquares: 0, squares: 0 };
}

/** A multiple of 8, so that a piece ends on a byte in every dtype. */
const pieceValues = 1 << 18;
/** Memory of this size is used again; larger pieces come fresh from the system, page by page. */
const pieceBytes = 1024 * 1024;

/** A tensor's bytes as they are. */
export async function* storedPieces(
  tensor: Tensor,
  read: ReadTensorRange,
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  const { byteSize } = tensor;
  const readPiece = (offset: number, spare?: Uint8Array) =>
    read(tensor, offset, Math.min(pieceBytes, byteSize - offset), signal, spare);
  for await (const [, piece] of readAhead(byteSize, pieceBytes, readPiece)) yield piece;
}

/** A tensor's values in another dtype, rounded once; `cost` grows by what that changed. */
export async function* castPieces(
  tensor: Tensor,
  dtype: WritableDtype,
  read: ReadTensorRange,
  cost: CastCost,
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  const total = elementCount(tensor.shape);
  const rounding = new CountedRounding(dtype, cost);
  for (let first = 0; first < total; first += pieceValues) {
    const count = Math.min(pieceValues, total - first);
    const values = await readValues(tensor, first, count, read, signal);
    yield rounding.encode(values);
  }
}

/** Rounds values to a dtype, piece by piece, and adds up what that does to them. */
export class CountedRounding {
  /** Σ(rounded − value)² of the values that were rounded last. */
  errorSquares = 0;
  private readonly memory: { floats: Float32Array; bytes: Uint8Array }[] = [];
  private pieces = 0;

  constructor(
    private readonly dtype: WritableDtype,
    private readonly cost: CastCost,
  ) {}

  /** The bytes of BF16 lie in memory that is used again for the piece after the next. */
  encode(values: Float64Array): Uint8Array {
    const sums: RoundingSums = { errorSquares: 0, squares: 0, changed: 0 };
    const bytes = this.dtype === "BF16" ? this.encodeBf16(values, sums) : encodeValues(values, this.dtype);
    const decoded = () => decodeTensor(bytes, this.dtype, values.length);
    if (this.dtype !== "BF16") addSums(sums, values, decoded());
    this.errorSquares = sums.errorSquares;
    if (Number.isFinite(sums.squares) && Number.isFinite(sums.errorSquares)) {
      this.cost.squares += sums.squares;
      this.cost.errorSquares += sums.errorSquares;
      this.cost.changed += sums.changed;
    } else addUnusualCost(this.cost, values, decoded());
    return bytes;
  }

  private encodeBf16(values: Float64Array, sums: RoundingSums): Uint8Array {
    const at = this.pieces++ % 2;
    const count = values.length;
    if (this.memory[at]?.floats.length !== count)
      this.memory[at] = { floats: new Float32Array(count), bytes: new Uint8Array(2 * count) };
    const { floats, bytes } = this.memory[at] as (typeof this.memory)[0];
    encodeBf16Counted(values, floats, bytes, sums);
    return bytes;
  }
}

function addSums(sums: RoundingSums, values: Float64Array, rounded: Float64Array): void {
  let [squares, errorSquares, changed] = [0, 0, 0];
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    const error = (rounded[at] as number) - value;
    squares += value * value;
    errorSquares += error * error;
    if (error !== 0) changed++;
  }
  Object.assign(sums, { squares, errorSquares, changed });
}

/** Of values among which some are infinite or NaN, or become so. */
function addUnusualCost(cost: CastCost, values: Float64Array, rounded: Float64Array): void {
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    const now = rounded[at] as number;
    if (Number.isFinite(value)) cost.squares += value * value;
    if (value === now || (Number.isNaN(value) && Number.isNaN(now))) continue;
    cost.changed++;
    if (!Number.isFinite(value)) continue;
    if (Number.isFinite(now)) cost.errorSquares += (now - value) ** 2;
    else cost.overflowed++;
  }
}
