import { FileRegion } from "../../bytes/byteRegion";
import type { Problem } from "../../problem/problem";
import { assemble, type TensorPiece, unreadablePart } from "../../tensors/assembly";
import { dtypeBits } from "../../tensors/dtype";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { contiguousStrides } from "../../tensors/tensorLayout";
import { formatBytes } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { CheckpointFile } from "../checkpointFile";
import type { StoredChecksum } from "../folderFormat";
import { type BundleEntry, type BundleIndex, type BundleSlice, sliceKey } from "./bundleIndex";

/** types.proto `DataType`, in our spelling. What has no values of a fixed size is named as TensorFlow does. */
const dtypes = new Map<number, string>([
  [1, "F32"],
  [2, "F64"],
  [3, "I32"],
  [4, "U8"],
  [5, "I16"],
  [6, "I8"],
  [7, "string"],
  [8, "C64"],
  [9, "I64"],
  [10, "BOOL"],
  [11, "QINT8"],
  [12, "QUINT8"],
  [13, "QINT32"],
  [14, "BF16"],
  [15, "qint16"],
  [16, "quint16"],
  [17, "U16"],
  [18, "C128"],
  [19, "F16"],
  [20, "resource"],
  [21, "variant"],
  [22, "U32"],
  [23, "U64"],
  [24, "F8_E5M2"],
  [25, "F8_E4M3"],
  [26, "F8_E4M3FNUZ"],
  [28, "F8_E5M2FNUZ"],
]);

const otherBits = new Map([
  ["QINT8", 8],
  ["QUINT8", 8],
  ["QINT32", 32],
  ["C128", 128],
]);

const unsized: ReadonlySet<string> = new Set(["string", "resource", "variant"]);

export interface FoundTensor {
  readonly tensor?: Tensor;
  readonly problem?: Problem;
  /** Of its bytes, or of those of its parts; none where they are turned round or not there. */
  readonly stored?: readonly StoredChecksum[];
}

/** The files of a bundle; shard `n` is the file at `firstShard + n`. */
export interface BundleFiles {
  readonly list: readonly CheckpointFile[];
  readonly firstShard: number;
}

/** The tensor that an entry of the index describes. */
export function bundleTensor(
  name: string,
  entry: BundleEntry,
  index: BundleIndex,
  files: BundleFiles,
): FoundTensor {
  const { type, shape, size } = entry;
  const dtype = dtypes.get(type) ?? `type ${type}`;
  const isShape = shape.every((axis) => Number.isSafeInteger(axis) && axis >= 0);
  const count = elementCount(shape);
  const bits = dtypeBits.get(dtype) ?? otherBits.get(dtype);
  if (!isShape || !Number.isSafeInteger(count * (bits ?? 8)))
    return {
      problem: told("error", "InvalidShape", name, `has the shape [${shape.slice(0, 8).join(", ")}]`),
    };
  if (unsized.has(dtype))
    return { tensor: absentTensor(name, dtype, shape, "its values are texts or objects of no fixed size") };
  const byteSize = bits === undefined ? size : (count * bits) / 8;
  if (entry.slices.length > 0) return slicedTensor(name, dtype, shape, byteSize, entry, index, files);
  if (byteSize !== size) {
    const reason = `should have ${formatBytes(byteSize)} by its shape and type, but has ${formatBytes(size)}`;
    return {
      tensor: absentTensor(name, dtype, shape, reason),
      problem: told("error", "TensorSizeMismatch", name, reason),
    };
  }
  const { fileIndex, absent, isOfShard } = placeOf(entry, files);
  const base = { name, dtype, shape, byteSize, offset: entry.offset, fileIndex };
  if (absent !== undefined) {
    const tensor = { ...base, layout: layoutOf(base, index.bigEndian, undefined, absent) };
    // A shard that is missing is told once, and not for each of its tensors.
    return isOfShard ? { tensor } : { tensor, problem: told("error", "TensorBeyondEnd", name, absent) };
  }
  if (bits === undefined)
    return {
      tensor: base,
      problem: told(
        "warning",
        "UnknownType",
        name,
        `is of ${dtype}, which is not known here: its values cannot be told`,
      ),
    };
  if (!index.bigEndian) return { tensor: base, stored: checksumOf(name, entry, fileIndex) };
  const region = new FileRegion(entry.offset, byteSize);
  return { tensor: { ...base, layout: layoutOf(base, true, region) } };
}

/** A partitioned variable: each part lies under a key of its own. */
function slicedTensor(
  name: string,
  dtype: string,
  shape: readonly number[],
  byteSize: number,
  { slices }: BundleEntry,
  index: BundleIndex,
  files: BundleFiles,
): FoundTensor {
  const stored: StoredChecksum[] = [];
  const pieces = slices.map((slice): TensorPiece => {
    const place = boxOf(slice, shape);
    const entry = index.slices.get(sliceKey(name, slice));
    if (entry === undefined)
      return piece(place, 0, new FileRegion(0, 0), "the index does not say where this part lies");
    const wanted = (elementCount(place.sizes) * byteSize) / Math.max(1, elementCount(shape));
    const { fileIndex, absent } = placeOf(entry, files);
    const size = entry.size === wanted ? undefined : `this part has ${entry.size} of ${wanted} bytes`;
    const order = index.bigEndian ? "parts with the high byte first are not put together" : undefined;
    const fault = absent ?? size ?? order;
    if (fault === undefined) stored.push(...checksumOf(name, entry, fileIndex));
    return piece(place, fileIndex, new FileRegion(entry.offset, entry.size), fault);
  });
  const assembly = assemble(shape, pieces);
  const [first] = assembly.pieces;
  const tensor: Tensor = {
    name,
    dtype,
    shape,
    byteSize,
    offset: first?.region.fileOffset ?? 0,
    fileIndex: first?.fileIndex ?? 0,
    assembly,
  };
  const reason = unreadablePart(tensor);
  if (reason === undefined) return { tensor, stored };
  const clause = reason.replace(/\.$/, "");
  return { tensor, problem: told("error", "PartlyReadable", name, `cannot be read whole: ${clause}`) };
}

function checksumOf(
  tensor: string,
  { checksum, offset, size }: BundleEntry,
  fileIndex: number,
): readonly StoredChecksum[] {
  if (checksum === undefined) return [];
  const bytes = { name: tensor, dtype: "U8", shape: [size], byteSize: size, offset, fileIndex };
  return [{ tensor, bytes, checksum }];
}

function piece(
  place: TensorPiece["place"],
  fileIndex: number,
  region: FileRegion,
  absent: string | undefined,
): TensorPiece {
  return { place, fileIndex, region, start: 0, ...(absent === undefined ? {} : { absent }) };
}

function boxOf(slice: BundleSlice, shape: readonly number[]) {
  return {
    kind: "box" as const,
    offsets: shape.map((_, axis) => slice[axis]?.[0] ?? 0),
    sizes: shape.map((size, axis) => slice[axis]?.[1] ?? size),
  };
}

function placeOf({ shard, offset, size }: BundleEntry, { list, firstShard }: BundleFiles) {
  const fileIndex = firstShard + shard;
  const file = list[fileIndex];
  if (file === undefined)
    return { fileIndex: 0, absent: `the checkpoint has no shard ${shard}`, isOfShard: false };
  if (file.status === "broken")
    return { fileIndex, absent: `${file.name} is not a file of values`, isOfShard: true };
  if (file.status === "missing") return { fileIndex, absent: `${file.name} is missing`, isOfShard: true };
  if (offset + size > file.bytes) {
    const missing = formatBytes(offset + size - Math.max(offset, file.bytes));
    return { fileIndex, absent: `${file.name} is cut: ${missing} of it are missing`, isOfShard: false };
  }
  return { fileIndex, absent: undefined, isOfShard: false };
}

function absentTensor(name: string, dtype: string, shape: readonly number[], absent: string): Tensor {
  const base = { name, dtype, shape, byteSize: 0, offset: 0, fileIndex: 0 };
  return { ...base, layout: layoutOf(base, false, undefined, absent) };
}

function layoutOf(
  { name, dtype, shape, byteSize }: Tensor,
  bigEndian: boolean,
  region: FileRegion | undefined,
  absent?: string,
) {
  return {
    storage: { key: name, byteSize, bigEndian, region, ...(absent === undefined ? {} : { absent }) },
    storageOffset: 0,
    strides: contiguousStrides(shape),
    elementBytes: (dtypeBits.get(dtype) ?? otherBits.get(dtype) ?? 8) / 8,
    elementShape: shape,
  };
}

function told(severity: Problem["severity"], code: string, tensor: string, what: string): Problem {
  return { severity, code, message: `${quote(tensor)} ${what}.`, tensor };
}
