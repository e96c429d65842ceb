import { statisticColumns, statisticsFrom } from "../../analysis/statisticColumns";
import { type JsonObject, jsonNumber, jsonString } from "../../json/parseJson";
import type { TensorValues } from "../valueFindings";
import {
  arrayOf,
  damagedPart,
  encodePart,
  exactNumber,
  exactText,
  type PartFormat,
  type PartRows,
  parsePart,
} from "./partFile";

/** What a scan found, or its share, as it is kept in a file. */
export interface ScanFile extends PartRows<ScannedTensorRow> {
  readonly sha256: boolean;
  /** Paths of files that changed while they were read: what is said of their tensors means nothing. */
  readonly changedFiles: readonly string[];
}

export interface ScannedTensorRow {
  readonly index: number;
  readonly name: string;
  readonly values: TensorValues;
  /** Why its bytes could not be read. */
  readonly unreadable?: string;
}

const format: PartFormat = {
  name: "checkpoint-explorer-scan",
  word: "scan",
  columns: statisticColumns.map(({ id }) => id),
};

export function encodeScan(scan: ScanFile): string {
  const rows = scan.tensors.map(({ values: { stats, sha256 }, ...row }) => ({
    ...row,
    ...(stats === undefined ? {} : { stats: statisticColumns.map(({ id }) => exactText(stats[id])) }),
    ...(sha256 === undefined ? {} : { sha256 }),
  }));
  return encodePart(format, scan, rows);
}

/** @throws CheckpointError where the text is no scan, is cut, or has other statistics. */
export function parseScan(text: string, file: string): ScanFile {
  const { head, ...found } = parsePart(text, file, format, rowOf);
  const changedFiles = arrayOf(head.get("changedFiles"), jsonString);
  if (changedFiles === undefined) throw damagedPart(format.word, file);
  return { ...found, sha256: head.get("sha256") === true, changedFiles };
}

function rowOf(value: JsonObject): ScannedTensorRow | undefined {
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
  const numbers = arrayOf(row.get("stats"), exactNumber);
  if (numbers?.length !== statisticColumns.length) return undefined;
  return { stats: statisticsFrom(({ id }) => numbers[columnAt.get(id) ?? -1] ?? Number.NaN), ...hash };
}

const columnAt = new Map<string, number>(statisticColumns.map(({ id }, at) => [id, at]));
