import { decodeTensor } from "../../tensors/decode";
import { dtypeBits } from "../../tensors/dtype";
import { type ContentValue, FloatValue } from "../contentValue";
import { numberOf } from "../contentView";
import { bytesOf } from "../pickle/pickleBytes";
import { PyObject } from "../pickle/pickleValue";
import { numpyScalar } from "./numpyArray";

/** A number of Python or a scalar of NumPy; a bool is none. */
export function plainNumber(value: ContentValue | undefined): number | undefined {
  return numberOf(value) ?? (value instanceof PyObject ? numpyNumber(value) : undefined);
}

/** Whether a number was written as a float, by Python or NumPy. */
export function isFloatNumber(value: ContentValue | undefined): boolean {
  if (value instanceof PyObject) return numpyScalar(value)?.dtype.dtype.startsWith("F") === true;
  return value instanceof FloatValue;
}

function numpyNumber(object: PyObject): number | undefined {
  const scalar = numpyScalar(object);
  if (scalar === undefined) return undefined;
  const bytes = bytesOf(scalar.data);
  const { dtype, itemBytes, bigEndian } = scalar.dtype;
  if (bytes === undefined || bytes.length < itemBytes || bigEndian || dtype === "BOOL") return undefined;
  return dtypeBits.has(dtype) ? decodeTensor(bytes, dtype, 1)[0] : undefined;
}
