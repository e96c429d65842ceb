import { BytesValue, type ContentValue } from "../contentValue";
import { PyGlobal, type PyObject, PyPersistentId } from "./pickleValue";

/** Values that are looked into after the run, noted as they are made: walking all of a model would take longer. */
export class FoundValues {
  readonly persistentIds: PyPersistentId[] = [];
  /** Calls of functions that take bytes. */
  readonly byteCalls: PyObject[] = [];
  /** Bytes that begin like a pickle. */
  readonly payloads: BytesValue[] = [];

  note(value: ContentValue): void {
    if (value instanceof PyPersistentId) this.persistentIds.push(value);
    else if (value instanceof BytesValue && value.bytes !== undefined && looksLikePickle(value.bytes)) {
      this.payloads.push(value);
    }
  }

  noteCall(object: PyObject): void {
    if (object.callee instanceof PyGlobal && byteFunctions.has(object.callee.name))
      this.byteCalls.push(object);
  }
}

const byteFunctions: ReadonlySet<string> = new Set(["_load_from_bytes", "encode", "bytearray"]);

/** Protocols from 2 on say so in their first two bytes. */
export function looksLikePickle(bytes: Uint8Array): boolean {
  return bytes.length > 2 && bytes[0] === 0x80 && (bytes[1] as number) <= 5;
}
