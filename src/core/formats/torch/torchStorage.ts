import type { TensorStorage } from "../../tensors/tensorLayout";
import { numberOf, tupleItems } from "../contentView";
import { PyGlobal, type PyObject, PyPersistentId } from "../pickle/pickleValue";
import { TensorArgs } from "../pickle/records/tensorArgs";
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

/** What a pickle refers to a storage by: its reference, a call that makes it, or the arguments of a tensor. */
export type ToStorage = PyPersistentId | PyObject | TensorArgs;

/** Undefined for an id that is no storage, and for a call. */
export function storageReference(reference: ToStorage): StorageReference | undefined {
  if (reference instanceof TensorArgs) return referenceOf(reference);
  if (!(reference instanceof PyPersistentId)) return undefined;
  const { id } = reference;
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

/** As of the tuple that they would make. */
function referenceOf({
  key,
  elements,
  shared: { type, location },
}: TensorArgs): StorageReference | undefined {
  const dtype = storageDtype(type.name);
  if (dtype === undefined) return undefined;
  const byteSize = Math.ceil(elements * dtype.elementBytes);
  return {
    key: String(key),
    dtype,
    untyped: isUntyped(type.name),
    location,
    elements,
    byteSize,
    view: undefined,
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
