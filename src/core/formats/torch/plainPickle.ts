import { type ByteRegion, FileRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import type { Problem } from "../../problem/problem";
import type { Format, ParsedFile } from "../format";
import { mergeImports } from "../importFinding";
import { Look } from "../inside/look";
import { lookBehind, lookIntoArchiveBehind } from "../inside/lookBehind";
import { judgeImports } from "../pickle/importReport";
import { isPickleHead } from "../pickle/isPickleHead";
import { importsIn, joblibProblem, unpickleWithArrays, wrapsArrays } from "./joblibArrays";
import { parseLegacyFile } from "./legacyFile";
import { isLegacyMagic } from "./legacyStream";
import { parsedFile, parsedImports } from "./torchParsed";
import { storageReference } from "./torchStorage";
import { storageFinder } from "./unpackedArchive";

/** Pickles that torch.save did not write, with tensors and arrays in them or without. */
export const pickle: Format = {
  id: "pickle",
  extensions: [".pkl", ".pickle", ".joblib"],
  matches: isPickleHead,
  parse,
};

/** One cause, said once and not of each tensor. */
const absentValues: Problem = {
  severity: "error",
  code: "TensorWithoutBytes",
  message:
    "This is the data.pkl of a torch file that was unpacked: it names the tensors. Their values were files in a folder data/ beside it, which are not read with it.",
};

async function parse(source: ByteSource, _head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  return parsePickleAt(source, 0, signal);
}

/**
 * @param stream where the bytes of `source` are in the file
 * @throws CheckpointError where the pickle can't be read at all.
 */
export async function parsePickleAt(
  source: ByteSource,
  start: number,
  signal?: AbortSignal,
  stream: ByteRegion = new FileRegion(0, source.size),
): Promise<ParsedFile> {
  const first = await unpickleWithArrays(source, { start, signal });
  if (first.failure === undefined && isLegacyMagic(first.value)) {
    return { ...(await parseLegacyFile(source, signal)), format: "torch-legacy" };
  }
  const { value, failure, problems } = first;
  const hasArrays = failure !== undefined && wrapsArrays(first.imports);
  const behind = hasArrays ? await importsIn(source, first.end, source.size, signal) : [];
  const imports = mergeImports([...judgeImports(first.imports), ...judgeImports(behind)]);
  const failures = failure === undefined ? [] : [hasArrays ? joblibProblem : failure.toProblem()];
  const look = new Look(source.size, signal);
  const following =
    failure === undefined
      ? await lookBehind(source, first.end, "the pickle that is shown", look, signal)
      : await lookIntoArchiveBehind(source, look, signal);
  if (value === undefined) {
    await look.intoFound(first.found, async () => source, { where: undefined, depth: 0 });
    const all = [...imports, ...look.imports];
    if (failure !== undefined && all.length === 0 && following.length === 0) throw failure;
    return parsedImports(all, [...failures, ...problems, ...look.foundProblems, ...following], "pickle");
  }
  const isOfArchive = first.found.persistentIds.some((id) => storageReference(id) !== undefined);
  const read = {
    root: value,
    stream,
    found: first.found,
    findStorage: isOfArchive ? storageFinder(new Map(), false) : () => undefined,
    imports,
    problems: [...failures, ...problems],
  };
  const parsed = await parsedFile(source, read, { problems: following, look }, signal);
  if (!isOfArchive) return parsed;
  return {
    ...parsed,
    problems: [absentValues, ...parsed.problems.filter(({ code }) => code !== absentValues.code)],
  };
}
