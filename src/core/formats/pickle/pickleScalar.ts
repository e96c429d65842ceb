import {
  maxInlinePickleBytes,
  maxInlinePickleText,
  maxPickleIntegerBytes,
  maxPickleLineBytes,
} from "../../problem/limits";
import { latin1Text } from "../../text/latin1";
import { BytesValue, type ContentValue, FloatValue, LongTextValue } from "../contentValue";
import { Op } from "./opcode";
import type { PickleInput } from "./pickleInput";
import { decodeQuotedString, decodeRawUnicodeEscape, decodeUtf8, tryDecodeUtf8 } from "./pickleText";

/** What is written cannot be what the opcode takes. */
export class BadOperand extends Error {
  override readonly name = "BadOperand";
}

/** The value of an opcode that pushes what is written behind it; undefined for all other opcodes. */
export function readScalar(op: number, input: PickleInput): ContentValue | undefined {
  switch (op) {
    case Op.NONE:
      return null;
    case Op.NEWTRUE:
      return true;
    case Op.NEWFALSE:
      return false;
    case Op.BININT1:
      return input.readU8();
    case Op.BININT2:
      return input.readU16();
    case Op.BININT:
      return input.readI32();
    case Op.BINFLOAT:
      return new FloatValue(input.readF64());
    case Op.LONG1:
      return decodeLong(input.readBytes(input.readU8()));
    case Op.LONG4:
      return readLong4(input);
    case Op.INT:
    case Op.LONG:
      return readIntegerLine(op, input);
    case Op.FLOAT:
      return readFloatLine(input);
    default:
      return readText(op, input);
  }
}

function readText(op: number, input: PickleInput): ContentValue | undefined {
  switch (op) {
    case Op.BINUNICODE:
      return readUnicode(input.readU32(), input);
    case Op.SHORT_BINUNICODE:
      return readUnicode(input.readU8(), input);
    case Op.BINUNICODE8:
      return readUnicode(input.readU64(), input);
    case Op.BINBYTES:
      return readBytes(input.readU32(), input, false);
    case Op.SHORT_BINBYTES:
      return readBytes(input.readU8(), input, false);
    case Op.BINBYTES8:
      return readBytes(input.readU64(), input, false);
    case Op.BYTEARRAY8:
      return readBytes(input.readU64(), input, true);
    case Op.SHORT_BINSTRING:
      return readOldString(input.readU8(), input);
    case Op.BINSTRING:
      return readOldString(readSignedLength(input), input);
    case Op.STRING:
      return readQuotedLine(input);
    case Op.UNICODE:
      return decodeRawUnicodeEscape(input.readLine(maxPickleLineBytes));
    default:
      return undefined;
  }
}

function readSignedLength(input: PickleInput): number {
  const length = input.readI32();
  if (length < 0) throw new BadOperand(`a negative length (${length})`);
  return length;
}

function readLong4(input: PickleInput): number | bigint {
  const length = readSignedLength(input);
  if (length > maxPickleIntegerBytes) throw new BadOperand(`an integer of ${length} bytes`);
  return decodeLong(input.readBytes(length));
}

/** `I01` and `I00` are True and False: protocols 0 and 1 have no opcode of their own for them. */
function readIntegerLine(op: number, input: PickleInput): ContentValue {
  const text = latin1Text(input.readLine(maxPickleLineBytes));
  if (op === Op.INT && (text === "01" || text === "00")) return text === "01";
  const value = parseInteger(text);
  if (value === undefined) throw new BadOperand(`no integer: ${JSON.stringify(text.slice(0, 40))}`);
  return value;
}

function readFloatLine(input: PickleInput): ContentValue {
  const text = latin1Text(input.readLine(maxPickleLineBytes));
  const value = parseFloatText(text);
  if (value === undefined) throw new BadOperand(`no number: ${JSON.stringify(text.slice(0, 40))}`);
  return new FloatValue(value);
}

function readUnicode(length: number, input: PickleInput): ContentValue {
  if (length <= maxInlinePickleText) return decodeUtf8(input.readBytes(length));
  const offset = input.position;
  input.skip(length);
  return new LongTextValue(length, offset);
}

function readBytes(length: number, input: PickleInput, mutable: boolean): ContentValue {
  const offset = input.position;
  if (length <= maxInlinePickleBytes) {
    return new BytesValue(input.readBytes(length).slice(), length, offset, mutable);
  }
  input.skip(length);
  return new BytesValue(undefined, length, offset, mutable);
}

/** A `str` of Python 2 is text or data; only its bytes tell. */
function readOldString(length: number, input: PickleInput): ContentValue {
  if (length > maxInlinePickleText) return readBytes(length, input, false);
  const offset = input.position;
  const bytes = input.readBytes(length);
  return tryDecodeUtf8(bytes) ?? new BytesValue(bytes.slice(), length, offset, false);
}

function readQuotedLine(input: PickleInput): ContentValue {
  const offset = input.position;
  const bytes = decodeQuotedString(input.readLine(maxPickleLineBytes));
  if (bytes === undefined) throw new BadOperand("a string without quotes");
  return tryDecodeUtf8(bytes) ?? new BytesValue(bytes, bytes.length, offset, false);
}

/** Numbers of pickles: two's complement of any length, and the text of protocol 0. */

/** As an int of Python: a bigint only where a double cannot hold it. */
function simplify(value: bigint): number | bigint {
  const short = Number(value);
  return Number.isSafeInteger(short) ? short : value;
}

/** Little-endian two's complement; no bytes are 0. */
function decodeLong(bytes: Uint8Array): number | bigint {
  if (bytes.length === 0) return 0;
  if (bytes.length <= 6) {
    let value = 0;
    for (let at = bytes.length - 1; at >= 0; at--) value = value * 256 + (bytes[at] as number);
    const negative = (bytes[bytes.length - 1] as number) >= 0x80;
    return negative ? value - 256 ** bytes.length : value;
  }
  // By way of hexadecimal text, which takes linear time where shifting takes quadratic.
  let hex = "";
  for (let at = bytes.length - 1; at >= 0; at--) hex += (bytes[at] as number).toString(16).padStart(2, "0");
  return simplify(BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`)));
}

/** Python reads no longer integers either (`sys.int_info.default_max_str_digits`), and BigInt takes minutes. */
const maxDigits = 4300;

/** INT and LONG: decimal, with an `L` behind or not; undefined for what is no number. */
function parseInteger(text: string): number | bigint | undefined {
  const digits = /^\s*([+-]?\d+)L?\s*$/.exec(text)?.[1]?.replace(/^\+/, "");
  if (digits === undefined || digits.length > maxDigits) return undefined;
  return digits.length <= 15 ? Number(digits) + 0 : simplify(BigInt(digits));
}

const plainFloat = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/;

/** FLOAT: what Python's repr writes. */
function parseFloatText(text: string): number | undefined {
  if (plainFloat.test(text)) return Number(text);
  const trimmed = text.trim().toLowerCase();
  const named = /^([+-]?)(?:(inf(?:inity)?)|(nan))$/.exec(trimmed);
  if (named !== null) return named[3] !== undefined ? Number.NaN : named[1] === "-" ? -Infinity : Infinity;
  return plainFloat.test(trimmed) ? Number(trimmed) : undefined;
}
