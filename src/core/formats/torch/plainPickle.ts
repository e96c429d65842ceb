import { FileRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { maxFollowingPickles } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { formatBytes } from "../../text/quantities";
import type { Format, ParsedFile } from "../format";
import type { ImportFinding } from "../importFinding";
import { judgeImports } from "../pickle/importReport";
import { isPickleHead } from "../pickle/isPickleHead";
import { nestedImports } from "../pickle/nestedPickles";
import { unpickleFrom } from "../pickle/unpickle";
import { isLegacyMagic } from "./legacyStream";
import { torchLegacy } from "./torchLegacy";
import { parsedFile, parsedImports } from "./torchParsed";

/** Pickles that torch.save did not write, with tensors and arrays in them or without. */
export const pickle: Format = {
  id: "pickle",
  extensions: [".pkl", ".pickle", ".joblib"],
  matches: isPickleHead,
  parse,
};

async function parse(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  return parsePickleAt(source, head, 0, signal);
}

/** @throws CheckpointError where the pickle can't be read at all. */
export async function parsePickleAt(
  source: ByteSource,
  head: Uint8Array,
  start: number,
  signal?: AbortSignal,
): Promise<ParsedFile> {
  const first = await unpickleFrom(source, { start, signal });
  if (first.failure === undefined && isLegacyMagic(first.value)) {
    return { ...(await torchLegacy.parse(source, head, signal)), format: "torch-legacy" };
  }
  const { value, failure, problems } = first;
  const imports = judgeImports(first.imports);
  const failures = failure === undefined ? [] : [failure.toProblem()];
  const following = failure === undefined ? await readFollowing(source, first.end, signal) : nothing;
  if (value === undefined) {
    if (failure !== undefined && imports.length === 0) throw failure;
    return parsedImports(imports, [...failures, ...problems], "pickle");
  }
  const stream = {
    root: value,
    stream: new FileRegion(0, source.size),
    found: first.found,
    findStorage: () => undefined,
    imports,
    problems: [...failures, ...problems],
  };
  return parsedFile(source, stream, following, signal);
}

interface Following {
  readonly imports: readonly ImportFinding[];
  readonly problems: readonly Problem[];
}

const nothing: Following = { imports: [], problems: [] };

/** `pickle.load` reads one pickle; what stands behind it is read by the next call, or by no one. */
async function readFollowing(source: ByteSource, end: number, signal?: AbortSignal): Promise<Following> {
  const imports: ImportFinding[] = [];
  const problems: Problem[] = [];
  let start = end;
  let count = 0;
  while (start < source.size && count < maxFollowingPickles) {
    const next = await unpickleFrom(source, { start, signal });
    if (next.failure !== undefined && next.imports.length === 0) break;
    count++;
    const where = `pickle ${count + 1} of the file`;
    const nested = nestedImports(next.found, where);
    imports.push(...judgeImports(next.imports, where), ...nested.imports);
    problems.push(...nested.problems);
    if (next.failure !== undefined) break;
    start = next.end;
  }
  if (end === source.size) return nothing;
  const what =
    count === 0 ? formatBytes(source.size - end) : `${count} more ${count === 1 ? "pickle" : "pickles"}`;
  const message = `${what} follow the pickle that is shown.`;
  problems.push({ severity: "info", code: "TrailingBytes", message, offset: end });
  return { imports, problems };
}
