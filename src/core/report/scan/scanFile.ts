import { statisticColumns, statisticsFrom } from "../../analysis/statisticColumns";
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
import type { TensorValues } from "../valueFindings";
import type { ScanPart } from "./scanShare";

/** What a scan found, or its share, as it is kept in a file. */
export interface ScanFile {
  /** Of the program that measured: another one may round otherwise. */
  readonly version: string;
  /** The files that were read, by their paths below the checkpoint's folder. */
  readonly files: readonly ScannedFile[];
  readonly tensorCount: number;
  /** Undefined where everything was measured. */
  readonly part: ScanPart | undefined;
  readonly sha256: boolean;
  /** In ascending order of `index`. */
  readonly tensors: readonly ScannedTensorRow[];
  /** Paths of files that changed while they were read: what is said of their tensors means nothing. */
  readonly changedFiles: readonly string[];
}

/** Which content a file had. */
export interface ScannedFile {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

export interface ScannedTensorRow {
  readonly index: number;
  readonly name: string;
  readonly values: TensorValues;
  /** Why its bytes could not be read. */
  readonly unreadable?: string;
}

const formatName = "checkpoint-explorer-scan";
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

/** Exact: what is read back are the same numbers, to the last bit and to the sign of a zero. */
export function encodeScan({ tensors, part, ...scan }: ScanFile): string {
  const head = {
    format: formatName,
    formatVersion,
    ...scan,
    ...(part === undefined ? {} : { part: part.number, parts: part.count }),
  };
  const rows = tensors.map(({ values: { stats, sha256 }, ...row }) =>
    JSON.stringify({
      ...row,
      ...(stats === undefined ? {} : { stats: statisticColumns.map(({ id }) => numberText(stats[id])) }),
      ...(sha256 === undefined ? {} : { sha256 }),
    }),
  );
  // A line a tensor: two scans can be held against each other by any tool.
  return `{"scan":${JSON.stringify(head)},\n"statistics":${JSON.stringify(statisticColumns.map(({ id }) => id))},\n"tensors":[\n${rows.join(",\n")}\n]}\n`;
}

function numberText(value: number): number | string {
  return Number.isFinite(value) && !Object.is(value, -0)
    ? value
    : Object.is(value, -0)
      ? "-0"
      : String(value);
}

/** @throws CheckpointError where the text is no scan, is cut, or has other statistics. */
export function parseScan(text: string, file: string): ScanFile {
  const fail = (message: string) => new CheckpointError("NoScanFile", message, undefined, file);
  const { value, truncatedAt } = parsed(text, fail);
  if (truncatedAt !== undefined) throw fail("The scan's file ends too early: it was not written to its end.");
  if (!isJsonObject(value)) throw fail("This is no file of a scan.");
  const head = value.get("scan");
  if (!isJsonObject(head) || head.get("format") !== formatName) throw fail("This is no file of a scan.");
  const columns = value.get("statistics");
  const sameColumns =
    isJsonArray(columns) &&
    columns.length === statisticColumns.length &&
    statisticColumns.every(({ id }, at) => columns[at] === id);
  if (head.get("formatVersion") !== formatVersion || !sameColumns)
    throw fail("The scan was written by another version. Scan again.");
  const part = jsonNumber(head.get("part"));
  const count = jsonNumber(head.get("parts"));
  const rows = arrayOf(value.get("tensors"), rowOf);
  const files = arrayOf(head.get("files"), fileOf);
  const changedFiles = arrayOf(head.get("changedFiles"), jsonString);
  const tensorCount = jsonNumber(head.get("tensorCount"));
  if (rows === undefined || files === undefined || changedFiles === undefined || tensorCount === undefined)
    throw fail("The scan's file is damaged.");
  if ((part === undefined) !== (count === undefined)) throw fail("The scan's file is damaged.");
  return {
    version: jsonString(head.get("version")) ?? "",
    files,
    tensorCount,
    part: part === undefined || count === undefined ? undefined : { number: part, count },
    sha256: head.get("sha256") === true,
    tensors: rows,
    changedFiles,
  };
}

function parsed(text: string, fail: (message: string) => CheckpointError) {
  try {
    return parseJson(text);
  } catch (error) {
    throw fail(`This is no file of a scan: ${messageOf(error)}`);
  }
}

/** Undefined where it is no array or a member is not what it should be. */
function arrayOf<T>(
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

function rowOf(value: JsonValue): ScannedTensorRow | undefined {
  if (!isJsonObject(value)) return undefined;
  const index = jsonNumber(value.get("index"));
  const name = jsonString(value.get("name"));
  const values = valuesOf(value);
  const unreadable = jsonString(value.get("unreadable"));
  if (index === undefined || !Number.isInteger(index) || name === undefined || values === undefined)
    return undefined;
  return { index, name, values, ...(unreadable === undefined ? {} : { unreadable }) };
}

function valuesOf(row: JsonObject): TensorValues | undefined {
  const sha256 = jsonString(row.get("sha256"));
  const hash = sha256 === undefined ? {} : { sha256 };
  if (row.get("stats") === undefined) return hash;
  const numbers = arrayOf(row.get("stats"), statisticOf);
  if (numbers?.length !== statisticColumns.length) return undefined;
  return { stats: statisticsFrom(({ id }) => numbers[columnAt.get(id) ?? -1] ?? Number.NaN), ...hash };
}

const columnAt = new Map<string, number>(statisticColumns.map(({ id }, at) => [id, at]));

function statisticOf(value: JsonValue): number | undefined {
  if (typeof value === "string")
    return ["NaN", "Infinity", "-Infinity", "-0"].includes(value) ? Number(value) : undefined;
  return typeof value === "bigint" ? Number(value) : jsonNumber(value);
}
