import { isModuleState } from "../formats/pickle/pickleChildren";
import {
  type PickleValue,
  PyBytes,
  PyDict,
  PyFloat,
  PyGlobal,
  PyList,
  PyLongText,
  PyObject,
  PyPersistentId,
  PySet,
  PyTuple,
} from "../formats/pickle/pickleValue";
import {
  argsOf,
  attributesOf,
  bytesOf,
  mappingOf,
  sequenceOf,
  tupleItems,
} from "../formats/pickle/pickleView";
import { floatText, pythonText } from "../formats/pickle/pythonText";
import { numpyDtype, numpyScalar, structuredFields } from "../formats/torch/numpyArray";
import { storageReference } from "../formats/torch/torchStorage";
import { decodeTensor } from "../tensors/decode";
import { dtypeBits } from "../tensors/dtype";
import type { Tensor } from "../tensors/tensor";
import { formatBytes, plural } from "../text/quantities";

/** What Python's `type(value).__name__` would say, as far as that is known without running anything. */
export function typeLabel(value: PickleValue): string {
  if (value === null) return "None";
  if (typeof value === "string" || value instanceof PyLongText) return "str";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number" || typeof value === "bigint") return "int";
  if (value instanceof PyFloat) return "float";
  if (value instanceof PyBytes) return value.mutable ? "bytearray" : "bytes";
  if (value instanceof PyList) return "list";
  if (value instanceof PyTuple) return "tuple";
  if (value instanceof PyDict) return "dict";
  if (value instanceof PySet) return value.frozen ? "frozenset" : "set";
  if (value instanceof PyGlobal) return /^[a-z_]/.test(lastPart(value.name)) ? "function" : "class";
  if (value instanceof PyPersistentId)
    return storageReference(value) === undefined ? "persistent id" : "storage";
  return objectLabel(value);
}

function objectLabel(object: PyObject): string {
  const { qualifiedName } = object;
  if (numpyScalar(object) !== undefined) return numpyScalar(object)?.dtype.dtype ?? "numpy scalar";
  if (/^numpy\._?core\.multiarray\._reconstruct$/.test(qualifiedName)) return "ndarray";
  if (qualifiedName === "numpy.dtype" || isTorchDtype(object)) return "dtype";
  if (qualifiedName === "_codecs.encode") return "bytes";
  if (qualifiedName === "builtins.getattr") return "attribute";
  return object.name === "" ? "call" : lastPart(object.name);
}

function isTorchDtype({ qualifiedName }: PyObject): boolean {
  return qualifiedName === "torch.serialization._get_dtype";
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** The value in one line. Containers say how much they hold, not what: that is what opening them is for. */
export function describeValue(value: PickleValue, tensor: Tensor | undefined): string {
  if (tensor !== undefined) return tensorText(tensor);
  if (value instanceof PyObject) return objectText(value);
  if (value instanceof PyPersistentId) return storageText(value);
  if (value instanceof PyDict) return plural(value.size, "item");
  if (value instanceof PyLongText) return `text of ${formatBytes(value.length)}`;
  const items =
    value instanceof PyList || value instanceof PyTuple || value instanceof PySet ? value.items : undefined;
  if (items !== undefined && !items.every(isShort)) return plural(items.length, "item");
  return items !== undefined && items.length > 8
    ? `${plural(items.length, "item")}: ${pythonText(value)}`
    : pythonText(value);
}

function isShort(value: PickleValue): boolean {
  return value === null || typeof value !== "object" || value instanceof PyFloat;
}

function tensorText({ dtype, shape, layout }: Tensor): string {
  const facts = [`${dtype} [${shape.join(", ")}]`];
  if (layout?.requiresGrad === true) facts.push("requires grad");
  if (layout?.sparse !== undefined) facts.push(`sparse ${layout.sparse.kind}`);
  if (layout?.quantisation !== undefined) facts.push(`quantised ${layout.quantisation.scheme}`);
  if (layout?.storage.absent !== undefined) facts.push("no bytes");
  return facts.join(", ");
}

function storageText(value: PyPersistentId): string {
  const storage = storageReference(value);
  if (storage === undefined) return pythonText(value);
  return `${plural(storage.elements, "element")} of ${storage.dtype.dtype}${storage.location === "" ? "" : ` on ${storage.location}`}`;
}

function objectText(object: PyObject): string {
  const mapping = mappingOf(object);
  if (mapping !== undefined) return plural(mapping.size, "item");
  const scalar = scalarText(object);
  if (scalar !== undefined) return scalar;
  const sequence = sequenceOf(object);
  if (sequence !== undefined) {
    return sequence.every(isShort) ? pythonText(new PyTuple(sequence)) : plural(sequence.length, "item");
  }
  const attributes = attributesOf(object);
  if (attributes !== undefined && isModuleState(attributes)) return `module ${object.qualifiedName}`;
  if (attributes !== undefined && argsOf(object).length === 0) {
    return `${object.qualifiedName}, ${plural(attributes.size, "attribute")}`;
  }
  return knownText(object) ?? pythonText(object);
}

/** A scalar of NumPy is its value; an array that is no tensor is its shape. */
function scalarText(object: PyObject): string | undefined {
  const scalar = numpyScalar(object);
  if (scalar !== undefined) {
    const bytes = bytesOf(scalar.data);
    const { dtype, itemBytes } = scalar.dtype;
    if (bytes === undefined || bytes.length < itemBytes || !dtypeBits.has(dtype))
      return pythonText(scalar.data);
    const [value = Number.NaN] = decodeTensor(bytes, dtype, 1);
    return dtype === "BOOL"
      ? value === 1
        ? "True"
        : "False"
      : dtype.startsWith("F")
        ? floatText(value)
        : String(value);
  }
  if (!/^numpy\._?core\.multiarray\._reconstruct$/.test(object.qualifiedName)) return undefined;
  const [, shape, dtype] = tupleItems(object.state) ?? [];
  const fields = structuredFields(object);
  const what = fields.length > 0 ? `fields ${fields.join(", ")}` : (numpyDtype(dtype)?.dtype ?? "objects");
  return `array of ${what}, shape ${pythonText(shape ?? null)}`;
}

/** Calls whose arguments are all there is to know: enums, devices, dates. */
function knownText(object: PyObject): string | undefined {
  const [first, second] = argsOf(object);
  if (
    object.qualifiedName === "builtins.getattr" &&
    first instanceof PyGlobal &&
    typeof second === "string"
  ) {
    return `${lastPart(first.name)}.${second}`;
  }
  if (object.qualifiedName === "torch.device") {
    return second === undefined ? String(first) : `${String(first)}:${String(second)}`;
  }
  if (object.qualifiedName === "torch.serialization._get_layout" && typeof first === "string") return first;
  if (object.qualifiedName === "builtins.complex")
    return `${pythonText(first ?? null)}+${pythonText(second ?? null)}j`;
  if (object.qualifiedName === "datetime.datetime" || object.qualifiedName === "datetime.date")
    return dateText(first);
  if (/^pathlib/.test(object.module)) return argsOf(object).map(String).join("/").replace(/^\/\//, "/");
  return undefined;
}

/** Year in two bytes, month, day, then hour, minute, second. */
function dateText(state: PickleValue | undefined): string | undefined {
  const bytes = bytesOf(state);
  if (bytes === undefined || bytes.length < 4) return undefined;
  const [high = 0, low = 0, month = 0, day = 0, hour, minute, second] = bytes;
  const pad = (value: number) => String(value).padStart(2, "0");
  const date = `${high * 256 + low}-${pad(month)}-${pad(day)}`;
  return hour === undefined ? date : `${date} ${[hour, minute ?? 0, second ?? 0].map(pad).join(":")}`;
}
