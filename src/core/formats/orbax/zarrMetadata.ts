import { CheckpointError } from "../../problem/checkpointError";
import { maxTensorAxes } from "../../problem/limits";
import { encodeValues, isWritableDtype } from "../../tensors/encode";
import { jaxDtypes } from "../jaxDtypes";
import { numpySpellings } from "../numpy/numpyDtypes";

/** How the bytes of a chunk were made smaller, in the order of writing. */
export interface ZarrCodecs {
  readonly bigEndian: boolean;
  /** Names of compressions, as zarr spells them. */
  readonly compressions: readonly string[];
  /** Which axis of the array each axis of a stored chunk is, slowest first; undefined where they are the same. */
  readonly axes: readonly number[] | undefined;
}

interface ZarrShards {
  readonly innerShape: readonly number[];
  readonly indexAtStart: boolean;
  readonly indexIsBigEndian: boolean;
  /** Whether a CRC-32C stands behind the index. */
  readonly indexHasChecksum: boolean;
  /** Of chunks that are shards themselves. */
  readonly shards: ZarrShards | undefined;
}

/** What `.zarray` (version 2) or `zarr.json` (version 3) says of an array. */
export interface ZarrArray {
  readonly dtype: string;
  readonly itemBytes: number;
  readonly shape: readonly number[];
  /** What has a key of its own: a chunk, or a shard of several. */
  readonly chunkShape: readonly number[];
  readonly codecs: ZarrCodecs;
  /** Chunks inside of each shard, and where its index stands. */
  readonly shards: ZarrShards | undefined;
  /** The bytes of a value that was never written, little-endian; undefined where they are zeros. */
  readonly fill: Uint8Array | undefined;
  /** Why its values cannot be read, though it is known what they are. */
  readonly unreadable: string | undefined;
  /** The name of a chunk at a place of the grid. */
  chunkKey(at: readonly number[]): string;
}

const spellings3 = new Map([...jaxDtypes, ["complex128", "C128"]]);

const itemSizes = new Map<string, number>([
  ..."BOOL I2 U2 I4 U4 I8 U8 F8_E4M3 F8_E5M2 F8_E4M3FNUZ F8_E5M2FNUZ F8_E8M0"
    .split(" ")
    .map((name) => [name, 1] as const),
  ..."I16 U16 F16 BF16".split(" ").map((name) => [name, 2] as const),
  ..."I32 U32 F32".split(" ").map((name) => [name, 4] as const),
  ..."I64 U64 F64 C64".split(" ").map((name) => [name, 8] as const),
  ["C128", 16],
]);

/** Compressions that are undone, and the checksum behind a chunk. */
const known: ReadonlySet<string> = new Set(["zstd", "gzip", "zlib", "lz4", "blosc", "bz2", "crc32c"]);

type Json = Readonly<Record<string, unknown>>;

/** @throws CheckpointError `InvalidZarr` where the text describes no array. */
export function parseZarr(text: string, version: 2 | 3): ZarrArray {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : "it is no JSON");
  }
  const root = objectOf(json);
  if (root === undefined) throw invalid("it is no object");
  const found = version === 2 ? parseVersion2(root) : parseVersion3(root);
  const axes = [found.shape, found.chunkShape];
  if (axes.some((sizes) => sizes.length !== found.shape.length) || found.shape.length > maxTensorAxes)
    throw invalid("its shape and that of its chunks have different numbers of axes");
  return found;
}

function parseVersion2(root: Json): ZarrArray {
  const shape = sizesOf(root.shape, 0);
  const chunkShape = sizesOf(root.chunks, 1);
  const code = typeof root.dtype === "string" ? root.dtype : "";
  const bare = code.replace(/^[|<>=]/, "");
  const dtype = spellings3.get(code) ?? numpySpellings.get(bare) ?? (code === "" ? "structured" : code);
  const itemBytes = itemSizes.get(dtype) ?? 0;
  const separator = typeof root.dimension_separator === "string" ? root.dimension_separator : ".";
  const compressor = objectOf(root.compressor)?.id;
  const compressions = typeof compressor === "string" ? [compressor] : [];
  const filters = Array.isArray(root.filters) ? root.filters : [];
  const axes = root.order === "F" ? shape.map((_, axis) => shape.length - 1 - axis) : undefined;
  const fault = filters.length > 0 ? "its chunks went through filters, which are not undone here" : undefined;
  const fill = fillBytes(root.fill_value, dtype);
  return {
    dtype,
    itemBytes,
    shape,
    chunkShape,
    codecs: { bigEndian: code.startsWith(">"), compressions, axes },
    shards: undefined,
    fill: fill.bytes,
    unreadable: unreadableOf(dtype, itemBytes, compressions) ?? fault ?? fill.fault,
    chunkKey: (at) => (at.length === 0 ? "0" : at.join(separator)),
  };
}

function parseVersion3(root: Json): ZarrArray {
  const shape = sizesOf(root.shape, 0);
  const grid = objectOf(objectOf(root.chunk_grid)?.configuration);
  const chunkShape = sizesOf(grid?.chunk_shape, 1);
  const name = typeof root.data_type === "string" ? root.data_type : "structured";
  const dtype = spellings3.get(name) ?? name;
  const itemBytes = itemSizes.get(dtype) ?? 0;
  const encoding = objectOf(root.chunk_key_encoding);
  const isOld = encoding?.name === "v2";
  const told = objectOf(encoding?.configuration)?.separator;
  const separator = typeof told === "string" ? told : isOld ? "." : "/";
  const { shards, codecs: inner, fault } = shardsOf(listOf(root.codecs), chunkShape, 0);
  const order = inner.find((codec) => codec.name === "bytes");
  const bigEndian = objectOf(order?.configuration)?.endian === "big";
  // A transposition stands before the bytes; a second one is named as what is not undone.
  const isTransposed = inner[0]?.name === "transpose";
  const axes = isTransposed ? axesOf(inner[0], shape.length) : undefined;
  const compressions = inner
    .slice(isTransposed ? 1 : 0)
    .flatMap((codec) => (codec.name === "bytes" ? [] : [String(codec.name)]));
  const fill = fillBytes(root.fill_value, dtype);
  return {
    dtype,
    itemBytes,
    shape,
    chunkShape,
    codecs: { bigEndian, compressions, axes },
    shards,
    fill: fill.bytes,
    unreadable: unreadableOf(dtype, itemBytes, compressions) ?? fault ?? fill.fault,
    chunkKey: (at) => (isOld ? (at.length === 0 ? "0" : at.join(separator)) : ["c", ...at].join(separator)),
  };
}

const maxShardDepth = 8;

interface FoundShards {
  readonly shards: ZarrShards | undefined;
  /** What the innermost chunks went through. */
  readonly codecs: readonly Json[];
  readonly fault?: string;
}

/** Shards may hold shards. */
function shardsOf(codecs: readonly Json[], chunkShape: readonly number[], depth: number): FoundShards {
  const sharding = codecs.find((codec) => codec.name === "sharding_indexed");
  if (sharding === undefined) return { shards: undefined, codecs };
  const settings = objectOf(sharding.configuration);
  const innerShape = sizesOf(settings?.chunk_shape, 1);
  const indexCodecs = listOf(settings?.index_codecs);
  const isUneven = innerShape.some((size, axis) => (chunkShape[axis] ?? 0) % size !== 0);
  const own =
    codecs.length > 1
      ? "its shards went through more than sharding, which is not undone here"
      : isUneven || innerShape.length !== chunkShape.length
        ? "its shards are no whole number of chunks"
        : depth >= maxShardDepth
          ? "its shards are nested beyond reason"
          : undefined;
  const inner =
    depth < maxShardDepth
      ? shardsOf(listOf(settings?.codecs), innerShape, depth + 1)
      : { shards: undefined, codecs: [] };
  const fault = own ?? inner.fault;
  return {
    shards: {
      innerShape,
      indexAtStart: settings?.index_location === "start",
      indexIsBigEndian: indexCodecs.some((codec) => objectOf(codec.configuration)?.endian === "big"),
      indexHasChecksum: indexCodecs.length === 0 || indexCodecs.some((codec) => codec.name === "crc32c"),
      shards: inner.shards,
    },
    codecs: inner.codecs,
    ...(fault === undefined ? {} : { fault }),
  };
}

function unreadableOf(dtype: string, itemBytes: number, compressions: readonly string[]): string | undefined {
  if (itemBytes === 0) return `values of the type ${dtype.slice(0, 60)} are not read here`;
  const unknown = compressions.find((name) => !known.has(name));
  return unknown && `its chunks went through ${unknown.slice(0, 60)}, which is not undone here`;
}

/** @throws CheckpointError `InvalidZarr` where it is no order of the axes. */
function axesOf(codec: Json | undefined, count: number): readonly number[] {
  const order = sizesOf(objectOf(codec?.configuration)?.order, 0);
  const isOrder =
    order.length === count && new Set(order).size === count && order.every((axis) => axis < count);
  if (!isOrder) throw invalid("its chunks are transposed by what is no order of the axes");
  return order;
}

interface Fill {
  readonly bytes?: Uint8Array;
  /** Why the value is not known. */
  readonly fault?: string;
}

/** No bytes stand for zeros: where none is named, or where it is zero. */
function fillBytes(value: unknown, dtype: string): Fill {
  if (value === undefined || value === null) return {};
  const size = itemSizes.get(dtype) ?? 0;
  if (typeof value === "string" && value.length === 2 + 2 * size && /^0x[0-9a-f]+$/i.test(value)) {
    const bits = Uint8Array.from({ length: size }, (_, at) =>
      Number.parseInt(value.substr(2 + 2 * at, 2), 16),
    );
    return { bytes: bits.reverse() };
  }
  const part = dtype === "C64" ? "F32" : dtype === "C128" ? "F64" : dtype;
  const numbers = (Array.isArray(value) ? value : [value]).map(numberOf);
  if (numbers.every((number) => number === 0)) return {};
  const parts = numbers.map((number) => (number === undefined ? undefined : numberBytes(number, part)));
  if (parts.some((each) => each === undefined) || parts.length !== (part === dtype ? 1 : 2))
    return { fault: `${JSON.stringify(value).slice(0, 60)} for what was never written is not read here` };
  return { bytes: Uint8Array.from(parts.flatMap((each) => [...(each ?? [])])) };
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === "boolean") return Number(value);
  if (typeof value === "number") return value;
  if (value === "NaN") return Number.NaN;
  if (value === "Infinity") return Number.POSITIVE_INFINITY;
  return value === "-Infinity" ? Number.NEGATIVE_INFINITY : undefined;
}

/** Little-endian; undefined for integers that JSON does not give exactly, and for types of 8-bit floats. */
function numberBytes(value: number, dtype: string): Uint8Array | undefined {
  if (isWritableDtype(dtype)) return encodeValues(Float64Array.of(value), dtype);
  if (!/^(BOOL|[IU](8|16|32|64))$/.test(dtype) || !Number.isSafeInteger(value)) return undefined;
  const view = new DataView(new ArrayBuffer(8));
  view.setBigInt64(0, BigInt(value), true);
  return new Uint8Array(view.buffer, 0, itemSizes.get(dtype));
}

function objectOf(value: unknown): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(objectOf).filter((item) => item !== undefined) : [];
}

function sizesOf(value: unknown, least: number): readonly number[] {
  const isSound =
    Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= least);
  if (!isSound) throw invalid("it gives no shape");
  return value as number[];
}

function invalid(why: string): CheckpointError {
  return new CheckpointError("InvalidZarr", `The description of the array is damaged: ${why}.`);
}
