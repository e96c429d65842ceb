import { quote } from "../../text/quote";
import { BytesValue, type ContentValue, FloatValue, TupleValue } from "../contentValue";
import { Op } from "./opcode";
import { PyGlobal, PyObject } from "./pickleValue";

/**
 * Sizes in memory, for the count against the limit: of V8 with pointers of eight bytes, where an object has a header of
 * 24 and eight for each field, an array 32 and 16 for its elements, and eight for each of them.
 */
export const objectBytes = 56;
/** What is set on an object after it was made. */
export const objectMoreBytes = 56;
export const dictBytes = 120;
export const tupleBytes = 88;
export const listBytes = 88;
export const bytesBytes = 96;
export const persistentIdBytes = 56;
/** A place of the memo: a list that grows has room for half as much again. */
export const memoBytes = 12;
/** An array that grows makes room for 17 at first. */
export const firstItemBytes = 152;
/** A key and a value, and where it has many its place in the index. */
export const pairBytes = 96;

/** The opcodes of texts, each with its length. */
const textHeaderBytes: ReadonlyMap<number, number> = new Map([
  [Op.SHORT_BINUNICODE, 2],
  [Op.SHORT_BINSTRING, 2],
  [Op.BINUNICODE, 5],
  [Op.BINSTRING, 5],
  [Op.BINUNICODE8, 9],
]);

export const emptyTuple = new TupleValue([]);

/** @param takenBytes of the pickle, with the opcode: text of ASCII is as long as it is there, and takes no more in memory */
export function scalarBytes(value: ContentValue, op: number, takenBytes: number): number {
  if (typeof value === "string") {
    const isAscii = takenBytes - (textHeaderBytes.get(op) ?? 0) === value.length;
    return 24 + (isAscii ? 1 : 2) * value.length;
  }
  if (value instanceof FloatValue) return 80;
  if (value instanceof BytesValue)
    return bytesBytes + (value.bytes === undefined ? 0 : 200 + value.bytes.length);
  return typeof value === "bigint" ? 64 : 8;
}

export function describeName(value: ContentValue): string {
  return typeof value === "string" ? value : value instanceof PyGlobal ? quote(value.qualifiedName) : "?";
}

/** Protocols 0 and 1 spell `object.__new__(cls)` as calls of copyreg. */
export function asInstance(callee: ContentValue, args: ContentValue): PyObject | undefined {
  if (!(callee instanceof PyGlobal) || callee.module !== "copyreg" || !(args instanceof TupleValue))
    return undefined;
  const [type, second, third] = args.items;
  if (type === undefined) return undefined;
  switch (callee.name) {
    case "_reconstructor":
      return new PyObject(type, new TupleValue(third === undefined || third === null ? [] : [third]), true);
    case "__newobj__":
      return new PyObject(type, new TupleValue(args.items.slice(1)), true);
    case "__newobj_ex__": {
      const object = new PyObject(type, second ?? emptyTuple, true);
      object.kwargs = third;
      return object;
    }
    default:
      return undefined;
  }
}
