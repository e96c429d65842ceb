import type { ByteSource } from "../../bytes/byteSource";
import { maxNestedPickleBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { latin1Text } from "../../text/latin1";
import { ImportLog, type PickleImport } from "../pickle/importLog";

/** joblib's wrapper of an array is followed by its numbers, which are no opcodes: an honest pickle breaks there. */
export function wrapsArrays(imports: readonly PickleImport[]): boolean {
  return imports.some(({ module, name }) => module === "joblib.numpy_pickle" && name === "NumpyArrayWrapper");
}

/** Stands in the place of the failure: whether the file is whole is not known. */
export const joblibProblem: Problem = {
  severity: "warning",
  code: "JoblibArrays",
  message:
    "joblib wrote this file, with the numbers of its arrays between opcodes, where this reader has to stop. What " +
    "follows the first array is not shown, and whether the file is whole is not known; it was only searched for " +
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
  signal?: AbortSignal,
): Promise<readonly PickleImport[]> {
  const found = new ImportLog();
  const end = Math.min(source.size, from + maxNestedPickleBytes);
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
