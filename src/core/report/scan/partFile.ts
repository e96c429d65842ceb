import type { FileStat } from "../../bytes/files";
import { relativePath } from "../../bytes/paths";
import type { Checkpoint } from "../../checkpoint/checkpoint";
import {
  isJsonArray,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  jsonNumber,
  jsonString,
  parseJson,
} from "../../json/parseJson";
import { CheckpointError } from "../../problem/checkpointError";
import { messageOf } from "../../problem/messageOf";
import type { ScanPart } from "./scanShare";

/** What the files of scans and of comparisons in parts begin with. */
export interface PartHead {
  /** Of the program that measured: another one may round otherwise. */
  readonly version: string;
  /** The files that were read, by their paths below the checkpoint's folder. */
  readonly files: readonly ScannedFile[];
  /** Undefined where everything was measured. */
  readonly part: ScanPart | undefined;
}

/** Rows that all parts together have once each. */
export interface PartRows<Row> extends PartHead {
  /** Of all parts. */
  readonly tensorCount: number;
  /** In ascending order of their index. */
  readonly tensors: readonly Row[];
}

/** Which content a file had. */
export interface ScannedFile {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

const formatVersion = 1;

/** The checkpoint's files as they are now; undefined among them is one that is gone. */
export async function scannedFiles(
  { files, folder }: Checkpoint,
  stat: (path: string) => Promise<FileStat | undefined>,
): Promise<readonly ScannedFile[]> {
  return Promise.all(
    files.map(async ({ path }) => {
      const found = await stat(path);
      return {
        path: relativePath(folder, path),
        bytes: found?.size ?? -1,
        modifiedMs: found?.modifiedMs ?? -1,
      };
    }),
  );
}

/** The first file that is not the same in both. */
export function differentFile(a: readonly ScannedFile[], b: readonly ScannedFile[]): string | undefined {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const [one, other] = [a[at], b[at]];
    if (one?.path !== other?.path || one?.bytes !== other?.bytes || one?.modifiedMs !== other?.modifiedMs)
      return one?.path ?? other?.path;
  }
  return undefined;
}

/** How a kind of file is told from others, and what its rows mean. */
export interface PartFormat {
  readonly name: string;
  /** The file, as messages call it: "scan". */
  readonly word: string;
  /** Of the numbers in a row. */
  readonly columns: readonly string[];
}

/** A line a row: two files can be held against each other by any tool. */
export function encodePart(
  { name, columns }: PartFormat,
  { part, tensors: _, ...head }: PartRows<unknown>,
  rows: readonly object[],
): string {
  const first = {
    format: name,
    formatVersion,
    ...head,
    ...(part === undefined ? {} : { part: part.number, parts: part.count }),
  };
  const lines = rows.map((row) => JSON.stringify(row));
  return `{"scan":${JSON.stringify(first)},\n"statistics":${JSON.stringify(columns)},\n"tensors":[\n${lines.join(",\n")}\n]}\n`;
}

interface ParsedPart<Row> extends PartRows<Row> {
  readonly head: JsonObject;
}

/** @throws CheckpointError where the text is of another kind, is cut, or has other columns. */
export function parsePart<T>(
  text: string,
  file: string,
  { name, word, columns }: PartFormat,
  rowOf: (row: JsonObject) => T | undefined,
): ParsedPart<T> {
  const fail = (message: string) => new CheckpointError("NoScanFile", message, undefined, file);
  const { value, truncatedAt } = parsed(text, word, fail);
  if (truncatedAt !== undefined)
    throw fail(`The ${word}'s file ends too early: it was not written to its end.`);
  const head = isJsonObject(value) ? value.get("scan") : undefined;
  if (!isJsonObject(value) || !isJsonObject(head) || head.get("format") !== name)
    throw fail(`This is no file of a ${word}.`);
  const found = value.get("statistics");
  const sameColumns =
    isJsonArray(found) && found.length === columns.length && columns.every((id, at) => found[at] === id);
  if (head.get("formatVersion") !== formatVersion || !sameColumns)
    throw fail(`The ${word} was written by another version. Make it again.`);
  const number = jsonNumber(head.get("part"));
  const count = jsonNumber(head.get("parts"));
  const rows = arrayOf(value.get("tensors"), (row) => (isJsonObject(row) ? rowOf(row) : undefined));
  const files = arrayOf(head.get("files"), fileOf);
  const tensorCount = jsonNumber(head.get("tensorCount"));
  const isPart = number !== undefined && count !== undefined;
  if (rows === undefined || files === undefined || tensorCount === undefined || (!isPart && number !== count))
    throw damagedPart(word, file);
  return {
    head,
    version: jsonString(head.get("version")) ?? "",
    files,
    part: isPart ? { number, count } : undefined,
    tensorCount,
    tensors: rows,
  };
}

export function damagedPart(word: string, file: string): CheckpointError {
  return new CheckpointError("NoScanFile", `The ${word}'s file is damaged.`, undefined, file);
}

function parsed(text: string, word: string, fail: (message: string) => CheckpointError) {
  try {
    return parseJson(text);
  } catch (error) {
    throw fail(`This is no file of a ${word}: ${messageOf(error)}`);
  }
}

/** Undefined where it is no array or a member is not what it should be. */
export function arrayOf<T>(
  value: JsonValue | undefined,
  read: (member: JsonValue) => T | undefined,
): T[] | undefined {
  if (!isJsonArray(value)) return undefined;
  const members: T[] = [];
  for (const member of value) {
    const found = read(member);
    if (found === undefined) return undefined;
    members.push(found);
  }
  return members;
}

function fileOf(value: JsonValue): ScannedFile | undefined {
  if (!isJsonObject(value)) return undefined;
  const path = jsonString(value.get("path"));
  const bytes = jsonNumber(value.get("bytes"));
  const modifiedMs = jsonNumber(value.get("modifiedMs"));
  if (path === undefined || bytes === undefined || modifiedMs === undefined) return undefined;
  return { path, bytes, modifiedMs };
}

/** Exact: what is read back is the same number, to the last bit and to the sign of a zero. */
export function exactText(value: number): number | string {
  if (Object.is(value, -0)) return "-0";
  return Number.isFinite(value) ? value : String(value);
}

/** The number that `exactText` wrote; undefined for anything else. */
export function exactNumber(value: JsonValue): number | undefined {
  if (typeof value === "string")
    return ["NaN", "Infinity", "-Infinity", "-0"].includes(value) ? Number(value) : undefined;
  return typeof value === "bigint" ? Number(value) : jsonNumber(value);
}
