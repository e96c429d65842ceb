import { decodeTensor } from "../../tensors/decode";
import { dtypeBits } from "../../tensors/dtype";
import { lastPart } from "../../text/lastPart";
import { plural } from "../../text/quantities";
import type { ContentValue, ForeignValue } from "../contentValue";
import { isModuleState, sequenceOf, tupleItems } from "../contentView";
import type { ForeignDescription } from "../format";
import { bytesOf } from "../pickle/pickleBytes";
import { argsOf } from "../pickle/pickleObjectView";
import { PyGlobal, PyObject, PyPersistentId } from "../pickle/pickleValue";
import { floatText, pythonText } from "../pythonText";
import { numpyDtype, numpyScalar, structuredFields } from "./numpyArray";
import { storageReference } from "./torchStorage";

/** What Python, torch and NumPy call the objects of a pickle, as far as that is known without running anything. */
export function describePickled(value: ForeignValue): ForeignDescription | undefined {
  if (value instanceof PyGlobal) return { type: /^[a-z_]/.test(lastPart(value.name)) ? "function" : "class" };
  if (value instanceof PyPersistentId) return describeStorage(value);
  return value instanceof PyObject
    ? { type: objectLabel(value), text: objectText(value), member: enumMember(value) }
    : undefined;
}

function describeStorage(value: PyPersistentId): ForeignDescription {
  const storage = storageReference(value);
  if (storage === undefined) return { type: "persistent id" };
  const place = storage.location === "" ? "" : ` on ${storage.location}`;
  return {
    type: "storage",
    text: `${plural(storage.elements, "element")} of ${storage.dtype.dtype}${place}`,
  };
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

function objectText(object: PyObject): string | undefined {
  const { attributes } = object;
  const isModule = attributes !== undefined && isModuleState(attributes);
  return scalarText(object) ?? (isModule ? `module ${object.qualifiedName}` : knownText(object));
}

/** `SchedulerType("linear")` reads as "linear". */
function enumMember(object: PyObject): string | undefined {
  if (object.isInstance || object.state !== undefined || !/^[A-Z]/.test(object.name)) return undefined;
  const [first, ...more] = sequenceOf(object.args) ?? [];
  return more.length === 0 && typeof first === "string" ? first : undefined;
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
function dateText(state: ContentValue | undefined): string | undefined {
  const bytes = bytesOf(state);
  if (bytes === undefined || bytes.length < 4) return undefined;
  const [high = 0, low = 0, month = 0, day = 0, hour, minute, second] = bytes;
  const pad = (value: number) => String(value).padStart(2, "0");
  const date = `${high * 256 + low}-${pad(month)}-${pad(day)}`;
  return hour === undefined ? date : `${date} ${[hour, minute ?? 0, second ?? 0].map(pad).join(":")}`;
}
