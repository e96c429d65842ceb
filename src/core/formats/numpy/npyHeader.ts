import { CheckpointError } from "../../problem/checkpointError";
import { maxTensorAxes } from "../../problem/limits";
import { latin1Text } from "../../text/latin1";
import { quote } from "../../text/quote";
import { numpySpellings } from "./numpyDtypes";
import { recordDtype } from "./structuredDtype";

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Enough for every header that NumPy writes for a plain array; longer ones are read by their length. */
export const npyHeadBytes = 256;

/** Structured dtypes have long descriptions; NumPy itself stops at 10,000 unless told to trust the file. */
const maxHeaderBytes = 1_000_000;

export function isNpy(head: Uint8Array): boolean {
  return magic.every((byte, at) => head[at] === byte);
}

/** What precedes the values of an array (NEP 1: magic, version, length, a literal dict, data). */
export interface NpyHeader {
  /** First byte of the values. */
  readonly dataStart: number;
  /** In our spelling, or NumPy's own code where we have none. */
  readonly dtype: string;
  readonly itemBytes: number;
  readonly bigEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** The values are a pickle: an array of objects, or a structure that holds some. */
  readonly isPickled: boolean;
  /** Written by a library whose type NumPy does not know: two bytes without a meaning (JAX's bfloat16). */
  readonly wasVoid: boolean;
}

/** Where the values begin, from the first 12 bytes. Undefined for what is no array. */
export function npyDataStart(head: Uint8Array): number | undefined {
  if (!isNpy(head) || head.length < 12) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return head[6] === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
}

/**
 * Reads the header of an array, of which `head` holds the first bytes, as far as the values.
 * @throws CheckpointError `InvalidNpyHeader` where it is none, is cut, or describes no array.
 */
export function parseNpyHeader(head: Uint8Array): NpyHeader {
  const dataStart = npyDataStart(head);
  if (dataStart === undefined) throw invalid("There is no header of a NumPy array.");
  if (dataStart > maxHeaderBytes)
    throw invalid(`The header should have ${dataStart} bytes, which is beyond reason.`);
  if (head.length < dataStart) throw invalid("The file ends inside the header of the array.");
  const text = latin1Text(head.subarray(head[6] === 1 ? 10 : 12, dataStart));
  const shape = /['"]shape['"]\s*:\s*\(([\d\s,L]*)\)/.exec(text)?.[1];
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text)?.[1];
  const descriptor = /['"]descr['"]\s*:\s*(?:['"]([^'"]*)['"]|(\[.*\]))/s.exec(text);
  if (shape === undefined || order === undefined || descriptor === null)
    throw invalid(`The header does not describe an array: ${quote(text.slice(0, 100).trim())}.`);
  const sizes = shape.split(",").map((size) => size.replace("L", "").trim());
  const axes = sizes.filter((size) => size !== "").map(Number);
  if (axes.length > maxTensorAxes || axes.some((size) => !Number.isSafeInteger(size)))
    throw invalid(`The header gives the shape (${shape.slice(0, 100)}).`);
  return { dataStart, shape: axes, fortranOrder: order === "True", ...dtypeOf(descriptor[1], descriptor[2]) };
}

function dtypeOf(code: string | undefined, fields: string | undefined) {
  if (fields !== undefined || code === undefined) {
    const record = recordDtype(fields ?? "", itemSize);
    if (record === undefined)
      throw invalid(`The header does not describe records: ${quote((fields ?? "").slice(0, 100))}.`);
    const isPickled = record.codes.some((each) => /^[|<>=]?O/.test(each));
    return { dtype: "structured", itemBytes: record.bytes, bigEndian: false, isPickled, wasVoid: false };
  }
  const bare = code.replace(/^[|<>=]/, "");
  const wasVoid = bare === "V2";
  return {
    dtype: wasVoid ? "BF16" : (numpySpellings.get(bare === "?" ? "b1" : bare) ?? bare),
    itemBytes: itemSize(code),
    bigEndian: code.startsWith(">"),
    isPickled: bare.startsWith("O"),
    wasVoid,
  };
}

/** Bytes of one value; a character of U has four, a date of M8[D] eight. */
function itemSize(code: string): number {
  const match = /^[|<>=]?([a-zA-Z?])(\d*)/.exec(code);
  if (match?.[1] === "?") return 1;
  return Number(match?.[2] ?? "0") * (match?.[1] === "U" ? 4 : 1);
}

/** As NumPy writes the header of an array of one type; every reader reads it alike. */
const plainHeader =
  /^\{'descr': '[|<>=]?(?!O)[a-zA-Z?]\d*', 'fortran_order': (?:True|False), 'shape': \([\d, ]*\),? ?\}\s*$/;

/** Whether an array, of which `head` holds the header, is plainly one of numbers, in which no reader finds a pickle. */
export function isPlainArray(head: Uint8Array): boolean {
  const dataStart = npyDataStart(head) ?? 0;
  const text = latin1Text(head.subarray(head[6] === 1 ? 10 : 12, dataStart));
  return dataStart > 0 && dataStart <= head.length && plainHeader.test(text);
}

/**
 * Where the pickle begins that an array of objects is written as. Undefined for arrays of numbers, which hold none,
 * and for what is no array.
 */
export function objectArrayStart(head: Uint8Array): number | undefined {
  const dataStart = npyDataStart(head);
  if (dataStart === undefined) return undefined;
  const header = latin1Text(head.subarray(10, Math.min(head.length, dataStart)));
  return /'descr':\s*(?:'[|<>=]?O\d*'|\[.*?'[|<>=]?O\d*')/.test(header) ? dataStart : undefined;
}

function invalid(message: string): CheckpointError {
  return new CheckpointError("InvalidNpyHeader", message, 0);
}
