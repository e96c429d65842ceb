import { type ByteRegion, SubRegion } from "../../bytes/byteRegion";
import type { Problem } from "../../problem/problem";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { contiguousStrides } from "../../tensors/tensorLayout";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { NpyHeader } from "./npyHeader";

export interface NpyTensor {
  readonly tensor: Tensor;
  readonly problems: readonly Problem[];
}

/** Types of numbers in our spelling; NumPy's other kinds, which begin with their letter; and what is made of several. */
const knownKind = /^(?:[A-Z]+\d|BOOL|[biufcmMOSUVa]\d*(?:\W|$)|structured|object)/;

/** The tensor that an array's header describes, whose file or member is `region`. */
export function npyTensor(name: string, header: NpyHeader, region: ByteRegion): NpyTensor {
  const { dataStart, dtype, itemBytes, bigEndian, fortranOrder, shape } = header;
  const byteSize = elementCount(shape) * itemBytes;
  const there = Math.max(0, region.size - dataStart);
  const problems: Problem[] = [];
  const add = (severity: Problem["severity"], code: string, message: string) =>
    problems.push({ severity, code, message, ...(name === "" ? {} : { tensor: name }) });
  const shown = name === "" ? "The array" : quote(name);
  const isCut = there < byteSize && !header.isPickled;
  if (isCut) {
    const figures = `${formatCount(byteSize)} bytes by its header, but only ${formatCount(there)} are there`;
    add("error", "IncompleteArray", `${shown} has ${figures}. The save or the download did not finish.`);
  }
  if (header.wasVoid) {
    const reason = "NumPy has no bfloat16, and libraries that do write it so";
    add(
      "info",
      "VoidShownAsBf16",
      `${shown} is stored as two bytes without a type (V2) and shown as BF16: ${reason}.`,
    );
  }
  if (/^V\d+$/.test(dtype))
    add(
      "warning",
      "VoidType",
      `${shown} is stored as bytes without a type (${dtype}), as NumPy saves the 8-bit floats and small integers of ml_dtypes: its values cannot be told.`,
    );
  if (!knownKind.test(dtype))
    add(
      "warning",
      "UnknownType",
      `${shown} is of the type ${quote(dtype.slice(0, 60))}, which NumPy does not have: its values cannot be told.`,
    );
  const absent = header.isPickled
    ? "its values are a pickle, which is never loaded"
    : isCut
      ? "its bytes are not all there"
      : undefined;
  const strides = fortranOrder ? contiguousStrides([...shape].reverse()).reverse() : contiguousStrides(shape);
  const tensor: Tensor = {
    name,
    dtype,
    shape,
    byteSize: header.isPickled ? 0 : byteSize,
    offset: region.fileOffset + dataStart,
    fileIndex: 0,
    layout: {
      storage: {
        key: name,
        byteSize: header.isPickled ? 0 : byteSize,
        bigEndian,
        region: absent === undefined ? new SubRegion(region, dataStart, byteSize) : undefined,
        ...(absent === undefined ? {} : { absent }),
      },
      storageOffset: 0,
      strides,
      elementBytes: itemBytes,
      elementShape: shape,
    },
  };
  return { tensor, problems };
}
