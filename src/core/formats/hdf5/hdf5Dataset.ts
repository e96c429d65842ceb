import { type ByteRegion, FileRegion, MemoryRegion, SubRegion } from "../../bytes/byteRegion";
import { maxChunkBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { contiguousStrides } from "../../tensors/tensorLayout";
import { formatBytes, formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";
import { FillRegion } from "../chunks/fillRegion";
import { readAttributes } from "./attributes";
import { ChunkedRegion, type Hdf5Place } from "./chunkedRegion";
import { type Dataspace, readDataLayout, readDataspace, readFillValue, readFilters } from "./dataset";
import { type Hdf5Type, readDatatype } from "./datatype";
import { unreadableFilter } from "./filters";
import type { GlobalHeaps } from "./globalHeap";
import { Hdf5Fields, type Hdf5File } from "./hdf5File";
import { NarrowIntegers } from "./narrowIntegers";
import { type HeaderMessage, messageBody, messageTypes } from "./objectHeader";

export interface FoundDataset {
  /** Undefined where the dataset holds no values, or is of a kind that is no tensor. */
  readonly tensor: Tensor | undefined;
  readonly problem?: Problem;
}

/** What deflate makes of one byte at most; a dataset larger than that is mostly one that was never written. */
const mostUnpacked = 1032;
/** Values that were never written are shown up to here whatever the file's size. */
const maxUnwrittenBytes = 1_000_000_000;

/** The tensor that an object's messages describe; undefined for an object that is no dataset. */
export async function readDataset(
  file: Hdf5File,
  heaps: GlobalHeaps,
  place: Hdf5Place,
  name: string,
  messages: readonly HeaderMessage[],
): Promise<FoundDataset | undefined> {
  const body = async (wanted: number) => {
    const message = messages.find(({ type }) => type === wanted);
    return message && (await messageBody(file, message));
  };
  const [typeFields, spaceFields, layoutFields] = [
    await body(messageTypes.datatype),
    await body(messageTypes.dataspace),
    await body(messageTypes.layout),
  ];
  if (spaceFields === undefined || layoutFields === undefined) return undefined;
  if (typeFields === undefined)
    return {
      tensor: undefined,
      problem: problemOf(
        "warning",
        "SharedDatatype",
        name,
        "has a type that stands in a heap of shared ones",
      ),
    };
  const space = readDataspace(spaceFields);
  if (space === undefined) return { tensor: undefined };
  const { type, untyped } = await trueType(file, heaps, readDatatype(typeFields), messages);
  if (type.element !== undefined && space.shape.length === 0) {
    const bytes = await singleSequence(file, heaps, layoutFields, type.element.itemBytes);
    if (bytes !== undefined) return { tensor: sequenceTensor(name, type.element, bytes) };
  }
  const shape = [...space.shape, ...type.innerShape];
  const byteSize = elementCount(shape) * type.itemBytes;
  if (!Number.isSafeInteger(byteSize) || shape.some((size) => !Number.isSafeInteger(size)))
    return {
      tensor: undefined,
      problem: problemOf("error", "InvalidShape", name, `has the shape [${shape.slice(0, 8).join(", ")}]`),
    };
  const found = await findValues(file, place, space, type, byteSize, layoutFields, messages);
  const tensor = tensorOf(name, type, shape, byteSize, inOuterFile(found, place, byteSize));
  const { absent, isDamage } = found;
  if (absent === undefined || type.dtype === "object")
    return untyped === undefined
      ? { tensor }
      : { tensor, problem: problemOf(untyped[0], untyped[1], name, untyped[2]) };
  const severity = isDamage === true ? "error" : "warning";
  return {
    tensor,
    problem: problemOf(severity, isDamage ? "DatasetBeyondEnd" : "UnreadableDataset", name, absent),
  };
}

/** The bytes of the one sequence that is all that a dataset without axes holds. */
async function singleSequence(
  file: Hdf5File,
  heaps: GlobalHeaps,
  layoutFields: Hdf5Fields,
  elementBytes: number,
): Promise<Uint8Array | undefined> {
  const { bytes, fileOffset, widths } = layoutFields;
  const layout = readDataLayout(new Hdf5Fields(bytes, fileOffset, widths));
  const referenceBytes = 4 + file.widths.offsetBytes + 4;
  if (layout.kind === "compact") return heaps.bytes(layout.bytes, elementBytes);
  if (layout.kind !== "contiguous" || layout.address === undefined) return undefined;
  return heaps.bytes((await file.fields(layout.address, referenceBytes)).bytes, elementBytes);
}

interface FoundValues {
  readonly region?: ByteRegion;
  /** Where the values stand in the file as they are. */
  readonly plainAt?: number;
  readonly absent?: string;
  readonly isDamage?: boolean;
}

async function findValues(
  file: Hdf5File,
  place: Hdf5Place,
  { shape, maxShape }: Dataspace,
  type: Hdf5Type,
  byteSize: number,
  layoutFields: Hdf5Fields,
  messages: readonly HeaderMessage[],
): Promise<FoundValues> {
  if (type.isReference === true) return { absent: "its values are references to other objects" };
  if (type.dtype === "object") return { absent: "its values have no fixed length" };
  if (messages.some(({ type: kind }) => kind === messageTypes.externalFiles))
    return { absent: "its values stand in another file, which is not followed" };
  const layout = readDataLayout(layoutFields);
  if (layout.kind === "virtual")
    return { absent: "its values are put together from other datasets (a virtual dataset)" };
  if (layout.kind === "compact") {
    if (layout.bytes.length < byteSize) return { absent: "its bytes are not all there", isDamage: true };
    return { region: new MemoryRegion(layout.bytes.slice(0, byteSize), layout.fileOffset) };
  }
  const fill = await readFillValue(file, messages);
  const isUnwritten = layout.address === undefined;
  const tooLarge = byteSize > file.size * mostUnpacked + maxUnwrittenBytes;
  if (tooLarge && (isUnwritten || layout.kind === "chunked"))
    return { absent: `its shape stands for ${formatBytes(byteSize)}, most of which were never written` };
  if (isUnwritten) return { region: new FillRegion(byteSize, fill) };
  if (layout.kind === "contiguous") {
    const start = file.base + (layout.address as number);
    if (start + byteSize <= file.size) return { plainAt: start };
    const missing = start + byteSize - Math.min(file.size, Math.max(start, 0));
    return {
      absent: `it should end at byte ${formatCount(start + byteSize)}; ${formatBytes(missing)} are beyond the end of the file`,
      isDamage: true,
    };
  }
  // A value that is an array itself is one item of a chunk.
  const itemBytes = type.itemBytes * elementCount(type.innerShape);
  const chunkBytes = elementCount(layout.chunkShape) * itemBytes;
  if (layout.chunkShape.length !== shape.length)
    return { absent: "its chunks have another number of axes than it has", isDamage: true };
  if (chunkBytes > maxChunkBytes)
    return {
      absent: `its chunks have ${formatBytes(chunkBytes)} each; up to ${formatBytes(maxChunkBytes)} are read`,
    };
  const filterMessage = messages.find(({ type: kind }) => kind === messageTypes.filters);
  const filterFields = filterMessage && (await messageBody(file, filterMessage));
  const steps = filterFields === undefined ? [] : readFilters(filterFields);
  const absent = unreadableFilter(steps);
  if (absent !== undefined) return { absent };
  const data = { layout, shape, maxShape, itemBytes, isFiltered: steps.length > 0 };
  return { region: new ChunkedRegion(place, data, steps, fill) };
}

function tensorOf(
  name: string,
  type: Hdf5Type,
  shape: readonly number[],
  byteSize: number,
  { region, plainAt, absent }: FoundValues,
): Tensor {
  const { dtype, itemBytes, bigEndian } = type;
  const base = {
    name,
    dtype,
    shape,
    byteSize: absent === undefined ? byteSize : byteSizeOf(dtype, byteSize),
  };
  const { narrow } = type;
  if (plainAt !== undefined && !bigEndian && narrow === undefined)
    return { ...base, offset: plainAt, fileIndex: 0 };
  const stored = plainAt === undefined ? region : new FileRegion(plainAt, byteSize);
  const where =
    narrow === undefined ? stored : stored && new NarrowIntegers(stored, narrow, itemBytes, bigEndian);
  return {
    ...base,
    offset: where?.fileOffset ?? 0,
    fileIndex: 0,
    layout: {
      storage: {
        key: name,
        byteSize: base.byteSize,
        bigEndian: bigEndian && narrow === undefined,
        region: where,
        ...(absent === undefined ? {} : { absent }),
      },
      storageOffset: 0,
      strides: contiguousStrides(shape),
      elementBytes: itemBytes,
      elementShape: shape,
    },
  };
}

/** One sequence as the values that it has. */
function sequenceTensor(name: string, element: Hdf5Type, bytes: Uint8Array): Tensor {
  const count = Math.floor(bytes.length / Math.max(1, element.itemBytes * elementCount(element.innerShape)));
  const shape = [count, ...element.innerShape];
  const region = new MemoryRegion(bytes.slice(), 0);
  return tensorOf(name, element, shape, elementCount(shape) * element.itemBytes, { region });
}

/** Of a file that lies in another one no place is one of the whole. */
function inOuterFile(found: FoundValues, { outer }: Hdf5Place, byteSize: number): FoundValues {
  const { plainAt } = found;
  if (outer === undefined || plainAt === undefined) return found;
  return { region: new SubRegion(outer, plainAt, byteSize) };
}

/** References into a heap are not the bytes of the values. */
function byteSizeOf(dtype: string, byteSize: number): number {
  return dtype === "object" ? 0 : byteSize;
}

/**
 * NumPy has no bfloat16: what h5py gets of it are two bytes without a type. Keras 3 says in an attribute what they
 * are, its older form of files does not.
 */
async function trueType(
  file: Hdf5File,
  heaps: GlobalHeaps,
  type: Hdf5Type,
  messages: readonly HeaderMessage[],
): Promise<{ readonly type: Hdf5Type; readonly untyped?: Untyped }> {
  if (notDecoded.test(type.dtype))
    return {
      type,
      untyped: ["warning", "UnknownType", `is of a type that is not read here (${type.dtype})`],
    };
  if (type.isOpaque !== true) return { type };
  const attributes = await readAttributes(file, heaps, messages);
  const said = attributes.find(({ name }) => name === "dtype")?.value;
  if (type.itemBytes === 2 && said === "bfloat16") return { type: { ...type, dtype: "BF16" } };
  if (type.tag !== "") return { type };
  const isPair = type.itemBytes === 2 && said === undefined;
  return isPair
    ? { type: { ...type, dtype: "BF16" }, untyped: shownAsBf16 }
    : {
        type,
        untyped: [
          "warning",
          "VoidType",
          `is stored as bytes without a type (${type.itemBytes} each): its values cannot be told`,
        ],
      };
}

/** Floats and integers in forms of their own, as long doubles are. */
const notDecoded = /^(?:float|complex |integer|bitfield|time|datatype )/;

type Untyped = readonly [severity: Problem["severity"], code: string, what: string];

const shownAsBf16: Untyped = [
  "info",
  "VoidShownAsBf16",
  "is stored as two bytes without a type and shown as BF16: NumPy has no bfloat16, and libraries that do write it so",
];

function problemOf(severity: Problem["severity"], code: string, tensor: string, what: string): Problem {
  return { severity, code, message: `${quote(tensor)}: ${what}.`, tensor };
}
