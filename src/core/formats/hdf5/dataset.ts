import { maxTensorAxes } from "../../problem/limits";
import type { Hdf5Fields, Hdf5File } from "./hdf5File";
import { type HeaderMessage, messageBody, messageTypes } from "./objectHeader";

/** Sizes of the axes now, and how far each may grow. */
export interface Dataspace {
  readonly shape: readonly number[];
  /** Infinite where an axis has no end. */
  readonly maxShape: readonly number[];
}

/** Undefined for a null dataspace, which holds no value at all. */
export function readDataspace(fields: Hdf5Fields): Dataspace | undefined {
  const version = fields.u8();
  const rank = fields.u8();
  const flags = fields.u8();
  if (version !== 1 && version !== 2) fields.fail(`a dataspace of version ${version} stands`);
  if (rank > maxTensorAxes) fields.fail(`a dataspace of ${rank} axes stands`);
  if (version === 1) fields.skip(5);
  else if (fields.u8() === 2) return undefined;
  const shape = Array.from({ length: rank }, () => fields.length());
  if ((flags & 1) === 0) return { shape, maxShape: shape };
  const { lengthBytes } = fields.widths;
  // All bits set mean that there is no end.
  const maxShape = shape.map(() => {
    const size = fields.unsigned(lengthBytes);
    return size >= 2 ** (8 * lengthBytes) - 1 ? Number.POSITIVE_INFINITY : size;
  });
  return { shape, maxShape };
}

/** How a filter of the pipeline is called, and what it was told when the chunks were written. */
export interface FilterStep {
  readonly id: number;
  readonly name: string;
  readonly parameters: readonly number[];
}

/** The steps that chunks went through when they were written, in that order (IV.A.2.l). */
export function readFilters(fields: Hdf5Fields): readonly FilterStep[] {
  const version = fields.u8();
  const count = fields.u8();
  if (version === 1) fields.skip(6);
  return Array.from({ length: count }, () => {
    const id = fields.u16();
    const hasName = version === 1 || id >= 256;
    const nameLength = hasName ? fields.u16() : 0;
    fields.skip(2);
    const values = fields.u16();
    // In version 1 the name is padded to a multiple of eight, and so are the values to an even number of them.
    const padded = version === 1 ? Math.ceil(nameLength / 8) * 8 : nameLength;
    const name = new TextDecoder().decode(fields.take(padded)).replace(/\0.*$/s, "");
    const parameters = Array.from({ length: values }, () => fields.u32());
    if (version === 1 && values % 2 === 1) fields.skip(4);
    return { id, name, parameters };
  });
}

/** Where and how the values of a dataset lie (IV.A.2.i). */
export type DataLayout =
  | { readonly kind: "compact"; readonly bytes: Uint8Array; readonly fileOffset: number }
  | { readonly kind: "contiguous"; readonly address: number | undefined; readonly size: number | undefined }
  | ChunkedLayout
  | { readonly kind: "virtual" };

export interface ChunkedLayout {
  readonly kind: "chunked";
  /** Without the last, which is the size of a value. */
  readonly chunkShape: readonly number[];
  readonly address: number | undefined;
  readonly index: ChunkIndexKind;
  /** Chunks at the edges, that reach beyond the dataset, did not go through the filters. */
  readonly edgesUnfiltered: boolean;
}

/** How the places of the chunks are found. */
export type ChunkIndexKind =
  | { readonly kind: "btree1" }
  | { readonly kind: "single"; readonly size: number | undefined; readonly mask: number }
  | { readonly kind: "implicit" }
  | { readonly kind: "fixedArray" }
  | { readonly kind: "extensibleArray" }
  | { readonly kind: "btree2" };

/** @throws CheckpointError for layouts that are not known. */
export function readDataLayout(fields: Hdf5Fields): DataLayout {
  const version = fields.u8();
  if (version === 1 || version === 2) return readOldLayout(fields);
  // Version 5 (HDF5 2.0) is as version 4, but that indexes give the sizes of chunks more bytes, which they tell.
  if (version < 3 || version > 5) fields.fail(`a layout of version ${version} stands`);
  const kind = fields.u8();
  if (kind === 0) {
    const size = fields.u16();
    const fileOffset = fields.fileOffset + fields.at;
    return { kind: "compact", bytes: fields.take(size), fileOffset };
  }
  if (kind === 1) return { kind: "contiguous", address: fields.address(), size: fields.length() };
  if (kind === 3) return { kind: "virtual" };
  if (kind !== 2) fields.fail(`a layout of kind ${kind} stands`);
  return version === 3 ? readChunks3(fields) : readChunks4(fields);
}

function readOldLayout(fields: Hdf5Fields): DataLayout {
  const rank = fields.u8();
  const kind = fields.u8();
  fields.skip(5);
  const address = kind === 0 ? undefined : fields.address();
  const sizes = Array.from({ length: rank }, () => fields.u32());
  if (kind === 1) return { kind: "contiguous", address, size: undefined };
  if (kind === 2)
    return {
      kind: "chunked",
      chunkShape: checkedChunk(sizes.slice(0, -1), fields),
      address,
      index: { kind: "btree1" },
      edgesUnfiltered: false,
    };
  const size = fields.u32();
  const fileOffset = fields.fileOffset + fields.at;
  return { kind: "compact", bytes: fields.take(size), fileOffset };
}

function readChunks3(fields: Hdf5Fields): DataLayout {
  const rank = fields.u8();
  const address = fields.address();
  const sizes = Array.from({ length: rank }, () => fields.u32());
  const chunkShape = checkedChunk(sizes.slice(0, -1), fields);
  return { kind: "chunked", chunkShape, address, index: { kind: "btree1" }, edgesUnfiltered: false };
}

function readChunks4(fields: Hdf5Fields): DataLayout {
  const flags = fields.u8();
  const rank = fields.u8();
  const width = fields.u8();
  if (width < 1 || width > 8) fields.fail(`sizes of ${width} bytes stand`);
  const sizes = Array.from({ length: rank }, () => fields.unsigned(width));
  const chunkShape = checkedChunk(sizes.slice(0, -1), fields);
  const index = readIndexKind(fields, (flags & 2) !== 0);
  return {
    kind: "chunked",
    chunkShape,
    address: fields.address(),
    index,
    edgesUnfiltered: (flags & 1) !== 0,
  };
}

function readIndexKind(fields: Hdf5Fields, singleIsFiltered: boolean): ChunkIndexKind {
  const kind = fields.u8();
  switch (kind) {
    case 1:
      return singleIsFiltered
        ? { kind: "single", size: fields.length(), mask: fields.u32() }
        : { kind: "single", size: undefined, mask: 0 };
    case 2:
      return { kind: "implicit" };
    case 3:
      fields.skip(1);
      return { kind: "fixedArray" };
    case 4:
      fields.skip(5);
      return { kind: "extensibleArray" };
    case 5:
      fields.skip(6);
      return { kind: "btree2" };
    default:
      return fields.fail(`an index of chunks of kind ${kind} stands`);
  }
}

function checkedChunk(shape: readonly number[], fields: Hdf5Fields): readonly number[] {
  const isSound = shape.every((size) => size >= 1 && Number.isSafeInteger(size));
  if (shape.length === 0 || shape.length > maxTensorAxes || !isSound)
    fields.fail(`chunks of the shape [${shape.slice(0, 8).join(", ")}] stand`);
  return shape;
}

/** The value of what was never written; undefined where it is zeros. */
export async function readFillValue(
  file: Hdf5File,
  messages: readonly HeaderMessage[],
): Promise<Uint8Array | undefined> {
  const message =
    messages.find(({ type }) => type === messageTypes.fillValue) ??
    messages.find(({ type }) => type === messageTypes.oldFillValue);
  const fields = message && (await messageBody(file, message));
  if (fields === undefined) return undefined;
  let isDefined = true;
  if (message?.type === messageTypes.fillValue) {
    const version = fields.u8();
    if (version < 3) {
      fields.skip(2);
      isDefined = fields.u8() !== 0 || version === 1;
    } else isDefined = (fields.u8() & 0x20) !== 0;
  }
  if (!isDefined || fields.left < 4) return undefined;
  const size = fields.u32();
  return size === 0 || size > fields.left ? undefined : fields.take(size).slice();
}
