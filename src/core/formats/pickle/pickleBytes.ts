import { latin1Bytes } from "../../text/latin1";
import { BytesValue, type ContentValue } from "../contentValue";
import { argsOf } from "./pickleObjectView";
import { PyObject } from "./pickleValue";

/** Bytes as they are in memory; undefined for those that stayed in the file. */
export function bytesOf(value: ContentValue | undefined): Uint8Array | undefined {
  if (value instanceof BytesValue) return value.bytes;
  // A `str` of Python 2 that happened to be text.
  if (typeof value === "string") return new TextEncoder().encode(value);
  if (value instanceof PyObject && value.qualifiedName === "builtins.bytearray") {
    const [first] = argsOf(value);
    if (first === undefined) return new Uint8Array();
    if (first instanceof BytesValue || first instanceof PyObject) return bytesOf(first);
  }
  const encoded = encodedText(value);
  return typeof encoded === "string" ? latin1Bytes(encoded) : undefined;
}

/** Protocol 2 has no bytes: Python 3 writes `_codecs.encode(text, "latin1")`, `bytearray(text, "latin-1")` or so. */
export function encodedText(value: ContentValue | undefined): ContentValue | undefined {
  if (!(value instanceof PyObject)) return undefined;
  const { qualifiedName } = value;
  if (qualifiedName !== "_codecs.encode" && qualifiedName !== "builtins.bytearray") return undefined;
  const [text, encoding] = argsOf(value);
  return encoding === "latin1" || encoding === "latin-1" ? text : undefined;
}
