import type { ByteSource } from "../bytes/byteSource";
import { CheckpointError } from "../problem/checkpointError";
import { maxGatherBytes } from "../problem/limits";
import { formatBytes } from "../text/quantities";
import { densify } from "./densify";
import type { Tensor } from "./tensor";
import { isContiguous, reach, type TensorLayout, type TensorStorage } from "./tensorLayout";

/** Opens the bytes of a storage. @throws CheckpointError where there are none. */
export type OpenStorage = (storage: TensorStorage, signal?: AbortSignal) => Promise<ByteSource>;

/**
 * Bytes `offset` to `offset + length` of a tensor as it would lie in a file of its own: contiguous and
 * little-endian, conjugated where it is. Reads the part of the storage that holds them.
 * @throws CheckpointError where the bytes are not there.
 */
export async function readLayout(
  tensor: Tensor,
  layout: TensorLayout,
  offset: number,
  length: number,
  open: OpenStorage,
  signal?: AbortSignal,
  spare?: Uint8Array,
): Promise<Uint8Array> {
  if (offset < 0 || offset + length > tensor.byteSize) {
    throw new RangeError(`Bytes ${offset} to ${offset + length} lie outside of the tensor.`);
  }
  // Values of no fixed size take no bytes here: they are not known to be empty.
  if (length === 0 && layout.storage.absent === undefined) return new Uint8Array();
  const { sparse, elementBytes } = layout;
  if (sparse !== undefined) {
    const read = (part: Tensor) => readWhole(part, open, signal);
    return (await densify(tensor, sparse, read)).slice(offset, offset + length);
  }
  // Whole elements: a byte order can only be turned, and a stride only be followed, for those.
  const first = Math.floor(offset / elementBytes);
  const end = Math.ceil((offset + length) / elementBytes);
  const source = await open(layout.storage, signal);
  const elements = isContiguous(layout.elementShape, layout.strides)
    ? await readElements(source, layout, layout.storageOffset + first, end - first, signal, spare)
    : await gather(source, layout, first, end, signal);
  if (layout.storage.bigEndian) swapBytes(elements, componentBytes(tensor.dtype, elementBytes));
  if (layout.conjugate === true) negateFloats(elements, elementBytes / 2, 1, 2);
  if (layout.negative === true) negate(elements, tensor.dtype, elementBytes);
  const start = offset - first * elementBytes;
  return start === 0 && length === elements.length ? elements : elements.slice(start, start + length);
}

function readWhole(tensor: Tensor, open: OpenStorage, signal?: AbortSignal): Promise<Uint8Array> {
  const { layout } = tensor;
  if (layout === undefined) throw new RangeError("The parts of a sparse tensor have no layout.");
  return readLayout(tensor, layout, 0, tensor.byteSize, open, signal);
}

async function readElements(
  source: ByteSource,
  { elementBytes, storage }: TensorLayout,
  first: number,
  count: number,
  signal?: AbortSignal,
  spare?: Uint8Array,
): Promise<Uint8Array> {
  const offset = first * elementBytes;
  const length = count * elementBytes;
  if (offset + length > source.size) {
    const missing = formatBytes(offset + length - source.size);
    const message = `Storage ${storage.key} is cut: ${missing} of what the tensor needs are missing.`;
    throw new CheckpointError("StorageCut", message, storage.region?.fileOffset);
  }
  return source.read(offset, length, signal, spare);
}

/** Follows the strides for elements `first` to `end` in row-major order, over one read of what they span. */
async function gather(
  source: ByteSource,
  layout: TensorLayout,
  first: number,
  end: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { elementBytes, storageOffset } = layout;
  const places = elementPlaces(layout, first, end);
  let low = Number.POSITIVE_INFINITY;
  let high = -1;
  for (const place of places) {
    if (place < low) low = place;
    if (place > high) high = place;
  }
  const span = high - low + 1;
  if (span * elementBytes > maxGatherBytes && end - first > 1) {
    // Too far apart to hold what lies between: halves span less, down to single elements.
    const middle = first + Math.floor((end - first) / 2);
    const result = new Uint8Array((end - first) * elementBytes);
    result.set(await gather(source, layout, first, middle, signal));
    result.set(await gather(source, layout, middle, end, signal), (middle - first) * elementBytes);
    return result;
  }
  const bytes = await readElements(source, layout, storageOffset + low, span, signal);
  return pick(bytes, places, low, elementBytes);
}

/** Where in the storage, from the view's offset on, each element of a range is. */
function elementPlaces({ elementShape, strides }: TensorLayout, first: number, end: number): Float64Array {
  const places = new Float64Array(end - first);
  const index = new Array<number>(elementShape.length).fill(0);
  let place = 0;
  let rest = first;
  for (let axis = elementShape.length - 1; axis >= 0; axis--) {
    const size = elementShape[axis] as number;
    index[axis] = rest % size;
    rest = Math.floor(rest / size);
    place += (index[axis] as number) * (strides[axis] as number);
  }
  for (let at = 0; at < places.length; at++) {
    places[at] = place;
    for (let axis = elementShape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] as number) + 1;
      place += strides[axis] as number;
      if (next < (elementShape[axis] as number)) {
        index[axis] = next;
        break;
      }
      place -= next * (strides[axis] as number);
      index[axis] = 0;
    }
  }
  return places;
}

function pick(bytes: Uint8Array, places: Float64Array, low: number, elementBytes: number): Uint8Array {
  const result = new Uint8Array(places.length * elementBytes);
  for (let at = 0; at < places.length; at++) {
    const from = ((places[at] as number) - low) * elementBytes;
    for (let byte = 0; byte < elementBytes; byte++) {
      result[at * elementBytes + byte] = bytes[from + byte] as number;
    }
  }
  return result;
}

/** A complex number is two numbers, each in the byte order of the file. */
function componentBytes(dtype: string, elementBytes: number): number {
  return dtype.startsWith("C") ? elementBytes / 2 : elementBytes;
}

function swapBytes(bytes: Uint8Array, width: number): void {
  if (width < 2) return;
  for (let at = 0; at + width <= bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}

function negate(bytes: Uint8Array, dtype: string, elementBytes: number): void {
  const width = componentBytes(dtype, elementBytes);
  negateFloats(bytes, width, 0, 1);
}

/** Turns the sign bit of every `step`th little-endian float, from the `first` on. torch negates only floats lazily. */
function negateFloats(bytes: Uint8Array, width: number, first: number, step: number): void {
  for (let at = first * width + width - 1; at < bytes.length; at += step * width) {
    bytes[at] = (bytes[at] as number) ^ 0x80;
  }
}

/** A view that reaches beyond its storage can be read by nothing. */
export function fitsStorage(layout: TensorLayout): boolean {
  const { storageOffset, elementShape, strides, elementBytes, storage } = layout;
  const elements = reach(elementShape, strides);
  return elements === 0 || (storageOffset + elements) * elementBytes <= storage.byteSize;
}
