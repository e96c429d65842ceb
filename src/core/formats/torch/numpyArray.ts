import { type ByteRegion, MemoryRegion } from "../../bytes/byteRegion";
import { elementCount } from "../../tensors/tensor";
import { contiguousStrides } from "../../tensors/tensorLayout";
import { BytesValue, type ContentValue, LongTextValue } from "../contentValue";
import { numberOf, sequenceOf, stringOf, tupleItems } from "../contentView";
import { jaxDtypes } from "../jaxDtypes";
import { numpySpellings } from "../numpy/numpyDtypes";
import { encodedText } from "../pickle/pickleBytes";
import { argsOf } from "../pickle/pickleObjectView";
import { PyGlobal, PyObject } from "../pickle/pickleValue";
import { type RebuiltTensor, sizesOf } from "./rebuiltTensor";
import { Latin1TextRegion, StringRegion } from "./textRegion";

/** Where bytes of the pickle's own stream are in the file. */
export type ArrayPlace = (offset: number, length: number) => ByteRegion;

export interface NumpyDtype {
  /** In the spelling of safetensors, or NumPy's own for what that has not. */
  readonly dtype: string;
  readonly itemBytes: number;
  readonly bigEndian: boolean;
  /** Names of the fields of a structured dtype. */
  readonly fields: readonly string[];
}

/** `numpy.dtype("f4", False, True)` with the state (3, "<", None, names, fields, size, …). */
export function numpyDtype(value: ContentValue | undefined): NumpyDtype | undefined {
  if (value instanceof PyGlobal && value.module === "numpy") return scalarClass(value.name);
  if (!(value instanceof PyObject) || value.qualifiedName !== "numpy.dtype") return undefined;
  const [type] = argsOf(value);
  const code = type instanceof PyGlobal ? narrowCode(type) : stringOf(type);
  if (code === undefined) return undefined;
  const [, order, , names, , size] = tupleItems(value.state) ?? [];
  const fields = (sequenceOf(names) ?? []).flatMap((name) => (typeof name === "string" ? [name] : []));
  const itemBytes = itemSize(code, numberOf(size));
  if (itemBytes === undefined) return undefined;
  const dtype = type instanceof PyGlobal ? code : (numpySpellings.get(code) ?? code);
  return { dtype, itemBytes, bigEndian: order === ">", fields };
}

/** A dtype that NumPy has not, as `ml_dtypes.bfloat16`, which lay in jaxlib before: pickled as its class. */
function narrowCode({ module, name }: PyGlobal): string | undefined {
  return /^(?:ml_dtypes|jaxlib\.\w+)$/.test(module) ? jaxDtypes.get(name) : undefined;
}

function itemSize(code: string, written: number | undefined): number | undefined {
  if (written !== undefined && Number.isSafeInteger(written) && written > 0) return written;
  const match = /^([a-zA-Z?])(\d*)$/.exec(code);
  const digits = match?.[2] ?? "";
  if (match === null || digits === "") return undefined;
  // Characters of U have four bytes.
  return Number(digits) * (match[1] === "U" ? 4 : 1);
}

/** `numpy.float32` and the like, which stand for their dtype. */
function scalarClass(name: string): NumpyDtype | undefined {
  const match = /^(float|int|uint|complex)(8|16|32|64|128)$/.exec(name);
  if (match === null) return undefined;
  const itemBytes = Number(match[2]) / 8;
  const letter = { float: "f", int: "i", uint: "u", complex: "c" }[match[1] as "float"];
  const dtype = numpySpellings.get(`${letter}${itemBytes}`);
  return dtype === undefined ? undefined : { dtype, itemBytes, bigEndian: false, fields: [] };
}

const reconstructors: ReadonlySet<string> = new Set([
  "numpy.core.multiarray._reconstruct",
  "numpy._core.multiarray._reconstruct",
]);

const fromBuffers: ReadonlySet<string> = new Set([
  "numpy.core.numeric._frombuffer",
  "numpy._core.numeric._frombuffer",
]);

/** What makes an array of JAX from NumPy's own function, its arguments and the array's state (`jax/_src/array.py`). */
const ofJax: ReadonlySet<string> = new Set([
  "jax._src.array._reconstruct_array",
  "jax._src.device_array.reconstruct_device_array",
]);

/** An array of numbers, or of other items of one size as bytes. Arrays of objects are none: they stay inert. */
export function numpyArray(object: PyObject, place: ArrayPlace): RebuiltTensor | undefined {
  if (reconstructors.has(object.qualifiedName)) return arrayOfState(object.state, place);
  if (ofJax.has(object.qualifiedName)) {
    const [made, , state] = argsOf(object);
    if (!(made instanceof PyGlobal) || !reconstructors.has(made.qualifiedName)) return undefined;
    const array = arrayOfState(state, place);
    return array && { ...array, note: "JAX array" };
  }
  if (!fromBuffers.has(object.qualifiedName)) return undefined;
  const [data, dtype, shape, order] = argsOf(object);
  return describeArray({ shape, dtype, isFortran: order === "F", data }, place);
}

function arrayOfState(state: ContentValue | undefined, place: ArrayPlace): RebuiltTensor | undefined {
  const [, shape, dtype, isFortran, data] = tupleItems(state) ?? [];
  return describeArray({ shape, dtype, isFortran: isFortran === true || isFortran === 1, data }, place);
}

interface ArrayParts {
  readonly shape: ContentValue | undefined;
  readonly dtype: ContentValue | undefined;
  readonly isFortran: boolean;
  readonly data: ContentValue | undefined;
}

function describeArray(parts: ArrayParts, place: ArrayPlace): RebuiltTensor | undefined {
  const shape = sizesOf(parts.shape);
  const dtype = numpyDtype(parts.dtype);
  if (shape === undefined || dtype === undefined || dtype.dtype.startsWith("O")) return undefined;
  const byteSize = elementCount(shape) * dtype.itemBytes;
  const region = dataRegion(parts.data, byteSize, place);
  if (region === undefined || !Number.isSafeInteger(byteSize)) return undefined;
  const strides = parts.isFortran
    ? contiguousStrides([...shape].reverse()).reverse()
    : contiguousStrides(shape);
  const short =
    region.size < byteSize ? { region: undefined, absent: "The pickle holds too few bytes." } : { region };
  return {
    dtype: dtype.dtype,
    shape,
    byteSize,
    layout: {
      storage: { key: "", byteSize: region.size, bigEndian: dtype.bigEndian, ...short },
      storageOffset: 0,
      strides,
      elementBytes: dtype.itemBytes,
      elementShape: shape,
    },
    note: "NumPy array",
  };
}

function dataRegion(
  data: ContentValue | undefined,
  byteSize: number,
  place: ArrayPlace,
): ByteRegion | undefined {
  if (data instanceof BytesValue) return bytesRegion(data, place);
  const text = encodedText(data);
  if (text instanceof LongTextValue)
    return new Latin1TextRegion(place(text.offset, text.length), byteSize, true);
  if (typeof text === "string") return new StringRegion(text, "latin1");
  if (typeof data === "string") return new StringRegion(data, "utf8");
  // A buffer that is shared with Python: `numpy.ndarray` of a bytearray.
  const inner = data instanceof PyObject ? argsOf(data)[0] : undefined;
  return inner instanceof BytesValue ? bytesRegion(inner, place) : undefined;
}

function bytesRegion({ bytes, offset, length }: BytesValue, place: ArrayPlace): ByteRegion {
  return bytes === undefined ? place(offset, length) : new MemoryRegion(bytes, offset);
}

/** The fields of a structured array, for a short description. */
export function structuredFields(object: PyObject): readonly string[] {
  const [, , dtype] = tupleItems(object.state) ?? [];
  return numpyDtype(dtype)?.fields ?? [];
}

/** `multiarray.scalar(dtype, bytes)`: its dtype and bytes. */
export function numpyScalar(object: PyObject): { dtype: NumpyDtype; data: ContentValue } | undefined {
  if (!/^numpy\._?core\.multiarray\.scalar$/.test(object.qualifiedName)) return undefined;
  const [type, data] = argsOf(object);
  const dtype = numpyDtype(type);
  return dtype === undefined || data === undefined ? undefined : { dtype, data };
}
