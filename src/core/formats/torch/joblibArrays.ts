import type { ByteSource } from "../../bytes/byteSource";
import { maxNestedPickleBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { elementCount } from "../../tensors/tensor";
import { latin1Text } from "../../text/latin1";
import { TupleValue } from "../contentValue";
import { mappingOf } from "../contentView";
import { ImportLog, type PickleImport } from "../pickle/importLog";
import type { FindInlineData } from "../pickle/inlineData";
import { emptyTuple } from "../pickle/pickleObjects";
import { PyGlobal, PyObject } from "../pickle/pickleValue";
import { type Unpickled, type UnpickleOptions, unpickleFrom } from "../pickle/unpickle";
import { numpyDtype } from "./numpyArray";
import { sizesOf } from "./rebuiltTensor";

const wrapperName = "joblib.numpy_pickle.NumpyArrayWrapper";
const reconstruct = new PyGlobal("numpy.core.multiarray", "_reconstruct");

/** joblib's wrapper of an array is followed by its numbers, which are no opcodes. */
export function wrapsArrays(imports: readonly PickleImport[]): boolean {
  return imports.some(({ module, name }) => `${module}.${name}` === wrapperName);
}

/**
 * Arrays as joblib writes them: the wrapper's attributes tell shape, order and dtype, then come the bytes, where
 * `numpy_array_alignment_bytes` is set behind a byte that counts the padding. Arrays of objects are a pickle there.
 */
class JoblibArrays {
  /** Where bytes are that were passed over: to `pickle`, which knows no wrapper, they would be opcodes. */
  private readonly passed: { readonly offset: number; readonly length: number }[] = [];

  readonly find: FindInlineData = (object) => {
    if (object.qualifiedName !== wrapperName) return undefined;
    const attributes = mappingOf(object.state);
    const shape = sizesOf(attributes?.get("shape"));
    const type = attributes?.get("dtype");
    const dtype = numpyDtype(type);
    if (attributes === undefined || shape === undefined || dtype === undefined) return undefined;
    const alignment = attributes.get("numpy_array_alignment_bytes");
    const byteSize = elementCount(shape) * dtype.itemBytes;
    if (!Number.isSafeInteger(byteSize)) return undefined;
    const isOfObjects = dtype.dtype.startsWith("O");
    return {
      isPadded: !isOfObjects && alignment !== undefined && alignment !== null,
      byteSize: isOfObjects ? undefined : byteSize,
      make: (data) => {
        this.passed.push({ offset: data.offset, length: data.length });
        const array = new PyObject(reconstruct, emptyTuple, false);
        const isFortran = attributes.get("order") === "F";
        array.state = new TupleValue([1, attributes.get("shape") ?? null, type ?? null, isFortran, data]);
        return array;
      },
    };
  };

  /** Imports that are spelt out in the bytes of arrays: a reader that is not joblib's would run them. */
  async importsIn(source: ByteSource, signal?: AbortSignal): Promise<readonly PickleImport[]> {
    const found: PickleImport[] = [];
    let left = maxNestedPickleBytes;
    for (const { offset, length } of this.passed) {
      found.push(...(await importsIn(source, offset, Math.min(length, left), signal)));
      left = Math.max(0, left - length);
    }
    return found;
  }
}

/** Unpickles a file that joblib may have written, with what is spelt out in the bytes of its arrays. */
export async function unpickleWithArrays(source: ByteSource, options: UnpickleOptions): Promise<Unpickled> {
  const arrays = new JoblibArrays();
  const read = await unpickleFrom(source, { ...options, findInlineData: arrays.find });
  const between = await arrays.importsIn(source, options.signal);
  return between.length === 0 ? read : { ...read, imports: [...read.imports, ...between] };
}

/** Stands in the place of the failure: whether the file is whole is not known. */
export const joblibProblem: Problem = {
  severity: "warning",
  code: "JoblibArrays",
  message:
    "joblib wrote this file, with the numbers of its arrays between opcodes, and this reader had to stop among them. " +
    "What follows there is not shown, and whether the file is whole is not known; it was only searched for " +
    "imports that are spelt out.",
};

const windowBytes = 1_000_000;
/** Windows overlap by the longest import. */
const overlapBytes = 1000;

/**
 * GLOBAL and INST, told from the end of their first line, since any letter may be their opcode; and two texts before
 * STACK_GLOBAL, each remembered or not.
 */
const spelt =
  /\n(?<=[ci]([A-Za-z_][\w.]{0,300})\r?\n)([A-Za-z_][\w.]{0,300})(?=\r?\n)|(?:\x8c.|X..\0\0)([A-Za-z_][\w.]{0,300}?)(?:\x94|q.|r....)?(?:\x8c.|X..\0\0)([A-Za-z_][\w.]{0,300}?)(?:\x94|q.|r....)?\x93/gs;

/** Imports that stand in bytes of which nobody knows where opcodes begin. */
export async function importsIn(
  source: ByteSource,
  from: number,
  length: number,
  signal?: AbortSignal,
): Promise<readonly PickleImport[]> {
  const found = new ImportLog();
  const end = Math.min(source.size, from + Math.min(length, maxNestedPickleBytes));
  for (let at = from; at < end; at += windowBytes) {
    const text = latin1Text(await source.read(at, Math.min(windowBytes + overlapBytes, end - at), signal));
    for (const match of text.matchAll(spelt)) {
      const [, module = match[3] ?? "", name = match[4] ?? ""] = match;
      const opcodeAt = match[1] === undefined ? match.index : text.lastIndexOf(match[1], match.index) - 1;
      found.add(module, name, at + opcodeAt);
    }
  }
  return found.toArray();
}
