import type { BytesValue, ContentValue } from "../contentValue";
import { Op } from "./opcode";
import { PyGlobal, type PyObject, PyPersistentId } from "./pickleValue";
import { TensorArgs } from "./records/tensorArgs";

/** Values that are looked into after the run, noted as they are made: walking all of a model would take longer. */
export class FoundValues {
  readonly persistentIds: (PyPersistentId | TensorArgs)[] = [];
  /** Calls of functions that take bytes. */
  readonly byteCalls: PyObject[] = [];
  /** Bytes that may be a pickle or hold one, and such as stayed in the file. */
  readonly payloads: BytesValue[] = [];
  readonly longPayloads: BytesValue[] = [];

  noteReference(value: ContentValue | TensorArgs): void {
    if (value instanceof PyPersistentId || value instanceof TensorArgs) this.persistentIds.push(value);
  }

  /** `head` is what is known of bytes that stayed in the file: their first ones, or none. */
  noteBytes(value: BytesValue, head: Uint8Array): void {
    if (value.bytes === undefined) {
      if (value.offset >= 0 && (head.length < headBytes || beginsLikeContainer(head)))
        this.longPayloads.push(value);
    } else if (beginsLikeContainer(value.bytes) || mayBeOldPickle(value.bytes)) this.payloads.push(value);
  }

  noteCall(object: PyObject): void {
    if (object.callee instanceof PyGlobal && byteFunctions.has(object.callee.name))
      this.byteCalls.push(object);
  }
}

/** First bytes of long ones that are looked at. */
export const headBytes = 8;

const byteFunctions: ReadonlySet<string> = new Set(["_load_from_bytes", "encode", "bytearray"]);

/** First bytes of what pickles are kept in: zip, gzip, zlib, bzip2, xz, LZMA, zstd, LZ4, joblib's own, NumPy's. */
const containerBytes: ReadonlySet<number> = new Set([
  ...[0x50, 0x1f, 0x78, 0x42, 0xfd, 0x5d, 0x28, 0x04, 0x5a, 0x93],
]);

/** Whether it is worth a closer look. Protocols from 2 on say what they are in two bytes. */
function beginsLikeContainer(bytes: Uint8Array): boolean {
  if (bytes.length < 3) return false;
  return (bytes[0] === Op.PROTO && (bytes[1] as number) <= 5) || containerBytes.has(bytes[0] as number);
}

/** Imports by an opcode of protocol 0, or by those of later ones without saying so; and an end. */
function mayBeOldPickle(bytes: Uint8Array): boolean {
  if (bytes.length < 4 || bytes.indexOf(Op.STOP) < 0) return false;
  if (importOpcodes.some((op) => bytes.indexOf(op) >= 0)) return true;
  return bytes.indexOf(newline) >= 0 && (bytes.indexOf(Op.GLOBAL) >= 0 || bytes.indexOf(Op.INST) >= 0);
}

const newline = 0x0a;
const importOpcodes = [Op.STACK_GLOBAL, Op.EXT1, Op.EXT2, Op.EXT4];
