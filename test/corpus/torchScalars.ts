import { type ContentValue, FloatValue, ListValue } from "../../src/core/formats/contentValue";
import { attributesOf, mappingOf, sequenceOf } from "../../src/core/formats/contentView";
import type { FileContent } from "../../src/core/formats/format";
import { bytesOf } from "../../src/core/formats/pickle/pickleBytes";
import { argsOf } from "../../src/core/formats/pickle/pickleObjectView";
import { PyGlobal, PyObject, PyPersistentId } from "../../src/core/formats/pickle/pickleValue";
import { keyText } from "../../src/core/formats/pythonText";
import { numpyScalar } from "../../src/core/formats/torch/numpyArray";
import { decodeTensor } from "../../src/core/tensors/decode";
import { dtypeBits } from "../../src/core/tensors/dtype";

/** One value that is no tensor, as Python read it. */
export interface ExpectedScalar {
  readonly path: readonly (string | number)[];
  readonly type: string;
  readonly value?: unknown;
  readonly len?: number;
  readonly class?: string;
}

/** What differs, in words; undefined where the value is there and equal. */
export function scalarDifference(
  { root, tensors }: FileContent,
  expected: ExpectedScalar,
): string | undefined {
  const place = expected.path.join(".");
  let value: ContentValue | undefined = root;
  for (const part of expected.path) {
    // What is inside of a tensor is in its row.
    if (value !== undefined && tensors.has(value)) return undefined;
    value = step(value, part);
  }
  if (value === undefined) return `${place}: is missing (${expected.type})`;
  const found = describe(value, expected.type);
  if (found === undefined) return undefined;
  const wanted = expected.len ?? (expected.class === undefined ? expected.value : oldName(expected.class));
  return same(found, wanted)
    ? undefined
    : `${place}: ${String(found)} instead of ${String(wanted)} (${expected.type})`;
}

function step(value: ContentValue | undefined, part: string | number): ContentValue | undefined {
  if (value instanceof PyObject) {
    if (part === "(state)") return value.state;
    if (part === "(args)") return value.args;
    if (part === "(map)") return value.mapItems;
    if (part === "(items)") return value.items === undefined ? undefined : new ListValue(value.items);
  }
  const mapping = mappingOf(value);
  if (mapping !== undefined) {
    for (const [key, member] of mapping.entries())
      if (key === part || keyText(key) === String(part)) return member;
  }
  const items = sequenceOf(value);
  if (items !== undefined && typeof part === "number") return items[part];
  return value instanceof PyObject ? attributesOf(value)?.get(part) : undefined;
}

function describe(value: ContentValue, type: string): unknown {
  switch (type) {
    case "int":
      return typeof value === "number" || typeof value === "bigint" ? value : `no int: ${typeof value}`;
    case "float":
      return value instanceof FloatValue ? value.value : `no float: ${typeof value}`;
    case "str":
      return value;
    case "bool":
      return typeof value === "boolean" ? value : "no bool";
    case "NoneType":
      return value;
    case "bytes":
    case "bytearray": {
      const bytes = bytesOf(value);
      // The oracle cut them.
      return bytes === undefined ? "no bytes" : `bytes:${Buffer.from(bytes.subarray(0, 32)).toString("hex")}`;
    }
    case "list":
    case "tuple":
    case "set":
    case "frozenset":
    case "deque":
    case "Size":
      return sequenceOf(value)?.length ?? "no sequence";
    case "dict":
      return (
        (mappingOf(value) ?? (value instanceof PyObject ? attributesOf(value) : undefined))?.size ??
        "no mapping"
      );
    case "OrderedDict":
    case "defaultdict":
    case "Counter":
      return mappingOf(value)?.size ?? "no mapping";
    case "object":
      return value instanceof PyObject ? oldName(value.qualifiedName) : `no object: ${typeof value}`;
    case "class":
      return value instanceof PyGlobal ? oldName(value.qualifiedName) : "no class";
    case "complex":
      return value instanceof PyObject ? complexText(value) : "no complex";
    case "TypedStorage":
      return value instanceof PyPersistentId ? undefined : "no storage";
    default:
      return numpyValue(value);
  }
}

/** The oracle left these names of Python 2 as they were. */
function oldName(name: string): string {
  return name.replace("builtins.xrange", "builtins.range").replace("builtins.long", "builtins.int");
}

function complexText(value: PyObject): string {
  const [real, imaginary] = argsOf(value).map((part) =>
    part instanceof FloatValue ? part.value : Number.NaN,
  );
  return `(${real}+${imaginary}j)`;
}

/** NumPy's scalars; what else the oracle prints as a repr is not compared. */
function numpyValue(value: ContentValue): unknown {
  const scalar = value instanceof PyObject ? numpyScalar(value) : undefined;
  if (scalar === undefined) return undefined;
  const bytes = bytesOf(scalar.data);
  const { dtype } = scalar.dtype;
  if (bytes === undefined) return undefined;
  return /^U\d+$/.test(dtype) && !dtypeBits.has(dtype) ? utf32Text(bytes) : firstValue(bytes, dtype);
}

function utf32Text(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = "";
  for (let at = 0; at + 4 <= bytes.length; at += 4) text += String.fromCodePoint(view.getUint32(at, true));
  return text;
}

function firstValue(bytes: Uint8Array, dtype: string): unknown {
  const [first] = decodeTensor(bytes, dtype, 1);
  return dtype === "BOOL" ? first === 1 : first;
}

function same(found: unknown, wanted: unknown): boolean {
  if (typeof found === "number" && typeof wanted === "string") {
    return (
      wanted === { NaN: "nan", Infinity: "inf", "-Infinity": "-inf" }[String(found)] ||
      String(found) === wanted
    );
  }
  if (typeof found === "bigint") return String(found) === String(wanted);
  if (typeof found === "string" && typeof wanted === "string")
    return found === wanted || found.slice(0, 300) === wanted.slice(0, 300);
  return found === wanted;
}
