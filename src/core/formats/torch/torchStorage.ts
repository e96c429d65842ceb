import type { TensorStorage } from "../../tensors/tensorLayout";
import { numberOf, tupleItems } from "../contentView";
import { PyGlobal, type PyPersistentId } from "../pickle/pickleValue";
import { isUntyped, storageDtype, type TorchDtype } from "./torchDtype";

/** What a pickle says about a storage, by the persistent id ('storage', class, key, location, size, view). */
export interface StorageReference {
  readonly key: string;
  readonly dtype: TorchDtype;
  readonly untyped: boolean;
  readonly location: string;
  readonly elements: number;
  readonly byteSize: number;
  /** Storages of torch before 0.4 could be parts of others; then `key` is that of the whole. */
  readonly view: { readonly offsetBytes: number; readonly byteSize: number } | undefined;
}

/** A storage with its bytes, as one format finds them. */
export interface TorchStorage {
  readonly dtype: TorchDtype;
  readonly untyped: boolean;
  readonly storage: TensorStorage;
}

/** Undefined for an id that is no storage. */
export function storageReference({ id }: Pick<PyPersistentId, "id">): StorageReference | undefined {
  if (typeof id === "string") return textReference(id);
  const [tag, type, key, location, size, view] = tupleItems(id) ?? [];
  const elements = numberOf(size);
  if (tag !== "storage" || !(type instanceof PyGlobal) || elements === undefined) return undefined;
  const dtype = storageDtype(type.name);
  const keyText = typeof key === "number" || typeof key === "bigint" ? String(key) : key;
  if (dtype === undefined || typeof keyText !== "string") return undefined;
  if (!Number.isSafeInteger(elements) || elements < 0) return undefined;
  return {
    key: keyText,
    dtype,
    untyped: isUntyped(type.name),
    location: typeof location === "string" ? location : "",
    elements,
    byteSize: Math.ceil(elements * dtype.elementBytes),
    view: viewOf(tupleItems(view), dtype),
  };
}

/** Protocol 0 writes ids as text, which torch itself cannot load: `('storage', <class 'torch.FloatStorage'>, …)`. */
const textPattern =
  /^\('storage', <class '[\w.]+?\.(\w+)'>, '([^']{1,200})', '([^']{0,200})', (\d{1,15})(?:, None)?\)$/;

function textReference(id: string): StorageReference | undefined {
  const [, className = "", key = "", location = "", size] = textPattern.exec(id) ?? [];
  const dtype = storageDtype(className);
  if (dtype === undefined) return undefined;
  const elements = Number(size);
  const byteSize = Math.ceil(elements * dtype.elementBytes);
  return { key, dtype, untyped: isUntyped(className), location, elements, byteSize, view: undefined };
}

/** (view key, offset, size), in elements. */
function viewOf(
  view: readonly unknown[] | undefined,
  { elementBytes }: TorchDtype,
): StorageReference["view"] {
  const [, offset, size] = view ?? [];
  if (typeof offset !== "number" || typeof size !== "number" || offset < 0 || size < 0) return undefined;
  return { offsetBytes: offset * elementBytes, byteSize: size * elementBytes };
}

/** The whole of a text from `start` on as a number as torch writes it; -1 for all else. */
export function numberIn(text: string, start: number): number {
  const length = text.length - start;
  if (length < 1 || length > 8 || (length > 1 && text.charCodeAt(start) === 0x30)) return -1;
  let number = 0;
  for (let at = start; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    number = 10 * number + digit;
  }
  return number;
}
