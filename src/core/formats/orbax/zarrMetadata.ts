import { CheckpointError } from "../../problem/checkpointError";
import { maxTensorAxes } from "../../problem/limits";
import { jaxDtypes } from "../jaxDtypes";
import { numpySpellings } from "../numpy/numpyDtypes";

/** How the bytes of a chunk were made smaller, in the order of writing. */
export interface ZarrCodecs {
  readonly bigEndian: boolean;
  /** Names of compressions, as zarr spells them. */
  readonly compressions: readonly string[];
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
  readonly shards: { readonly innerShape: readonly number[]; readonly indexAtStart: boolean } | undefined;
  /** The bytes of a value that was never written; undefined where they are zeros. */
  readonly fill: Uint8Array | undefined;
  /** Why its values cannot be read, though it is known what they are. */
  readonly unreadable: string | undefined;
  /** The name of a chunk at a place of the grid. */
  chunkKey(at: readonly number[]): string;
}

const spellings3 = new Map([
  ...jaxDtypes,
  ["complex128", "C128"],
  ["float8_e4m3fnuz", "F8_E4M3FNUZ"],
  ["float8_e5m2fnuz", "F8_E5M2FNUZ"],
]);

const itemSizes = new Map<string, number>([
  ..."BOOL I8 U8 F8_E4M3 F8_E5M2 F8_E4M3FNUZ F8_E5M2FNUZ".split(" ").map((name) => [name, 1] as const),
  ..."I16 U16 F16 BF16".split(" ").map((name) => [name, 2] as const),
  ..."I32 U32 F32".split(" ").map((name) => [name, 4] as const),
  ..."I64 U64 F64 C64".split(" ").map((name) => [name, 8] as const),
  ["C128", 16],
]);

/** Compressions that are undone; the checksum behind a chunk is left alone. */
const known: ReadonlySet<string> = new Set(["zstd", "gzip", "zlib", "crc32c"]);

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
  const fault =
    filters.length > 0
      ? "its chunks went through filters, which are not undone here"
      : root.order === "F" && shape.length > 1
        ? "its chunks lie with the first axis fastest, which is not read here"
        : undefined;
  return {
    dtype,
    itemBytes,
    shape,
    chunkShape,
    codecs: { bigEndian: code.startsWith(">"), compressions },
    shards: undefined,
    fill: fillBytes(root.fill_value, dtype, code.startsWith(">")),
    unreadable: unreadableOf(dtype, itemBytes, compressions) ?? fault,
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
  const codecs = listOf(root.codecs);
  const sharding = codecs.find((codec) => codec.name === "sharding_indexed");
  const settings = objectOf(sharding?.configuration);
  const inner = sharding === undefined ? codecs : listOf(settings?.codecs);
  const innerShape = sharding === undefined ? undefined : sizesOf(settings?.chunk_shape, 1);
  const order = inner.find((codec) => codec.name === "bytes");
  const bigEndian = objectOf(order?.configuration)?.endian === "big";
  const compressions = inner.flatMap((codec) => (codec.name === "bytes" ? [] : [String(codec.name)]));
  const outer = sharding === undefined ? [] : codecs.filter((codec) => codec !== sharding);
  const isUneven = innerShape?.some((size, axis) => (chunkShape[axis] ?? 0) % size !== 0) === true;
  const fault =
    outer.length > 0
      ? "its shards went through more than sharding, which is not undone here"
      : isUneven || (innerShape !== undefined && innerShape.length !== chunkShape.length)
        ? "its shards are no whole number of chunks"
        : undefined;
  return {
    dtype,
    itemBytes,
    shape,
    chunkShape,
    codecs: { bigEndian, compressions },
    shards: innerShape && { innerShape, indexAtStart: settings?.index_location === "start" },
    fill: fillBytes(root.fill_value, dtype, bigEndian),
    unreadable: unreadableOf(dtype, itemBytes, compressions) ?? fault,
    chunkKey: (at) => (isOld ? (at.length === 0 ? "0" : at.join(separator)) : ["c", ...at].join(separator)),
  };
}

function unreadableOf(dtype: string, itemBytes: number, compressions: readonly string[]): string | undefined {
  if (itemBytes === 0) return `values of the type ${dtype.slice(0, 60)} are not read here`;
  const unknown = compressions.find((name) => !known.has(name));
  return unknown && `its chunks went through ${unknown.slice(0, 60)}, which is not undone here`;
}

/** Little-endian or as the chunks are; undefined for zeros, and for what is no number. */
function fillBytes(value: unknown, dtype: string, bigEndian: boolean): Uint8Array | undefined {
  const number =
    typeof value === "boolean" ? Number(value) : typeof value === "number" ? value : special(value);
  if (number === undefined || number === 0) return undefined;
  const view = new DataView(new ArrayBuffer(itemSizes.get(dtype) ?? 0));
  const write = writers.get(dtype);
  if (write === undefined) return undefined;
  write(view, number);
  const bytes = new Uint8Array(view.buffer);
  return bigEndian ? bytes.reverse() : bytes;
}

function special(value: unknown): number | undefined {
  if (value === "NaN") return Number.NaN;
  if (value === "Infinity") return Number.POSITIVE_INFINITY;
  return value === "-Infinity" ? Number.NEGATIVE_INFINITY : undefined;
}

const writers = new Map<string, (view: DataView, value: number) => void>([
  ["BOOL", (view, value) => view.setUint8(0, value)],
  ["U8", (view, value) => view.setUint8(0, value)],
  ["I8", (view, value) => view.setInt8(0, value)],
  ["U16", (view, value) => view.setUint16(0, value, true)],
  ["I16", (view, value) => view.setInt16(0, value, true)],
  ["U32", (view, value) => view.setUint32(0, value, true)],
  ["I32", (view, value) => view.setInt32(0, value, true)],
  ["F32", (view, value) => view.setFloat32(0, value, true)],
  ["F64", (view, value) => view.setFloat64(0, value, true)],
]);

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
