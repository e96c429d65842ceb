import { formatShape, type Tensor } from "../tensors/tensor";
import { type ScanTable, scanColumns } from "./scanTable";

const titles = ["name", "dtype", "shape", ...scanColumns];

/** The numbers of all measured tensors as CSV (RFC 4180), with a line of titles. */
export function scanCsv(tensors: readonly Tensor[], table: ScanTable): string {
  const lines = [titles.join(",")];
  tensors.forEach(({ name, dtype, shape }, row) => {
    const statistics = table.statistics(row);
    if (statistics === undefined) return;
    const numbers = scanColumns.map((column) => pythonText(statistics[column]));
    lines.push([csvText(name), csvText(dtype), formatShape(shape), ...numbers].join(","));
  });
  return `${lines.join("\r\n")}\r\n`;
}

/** The same as JSON: an array of objects. What JSON has no number for is a string, as in the command line's output. */
export function scanJson(tensors: readonly Tensor[], table: ScanTable): string {
  const rows = tensors.flatMap(({ name, dtype, shape }, row) => {
    const statistics = table.statistics(row);
    if (statistics === undefined) return [];
    const numbers = scanColumns.map((column) => [column, jsonNumber(statistics[column])] as const);
    return [{ name, dtype, shape, ...Object.fromEntries(numbers) }];
  });
  return `${JSON.stringify(rows, undefined, 1)}\n`;
}

function jsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function pythonText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "inf" : "-inf";
}

function csvText(text: string): string {
  // A spreadsheet takes a leading =, +, - or @ for a formula, and names come from files that anyone may have made.
  const harmless = /^[=+@\-\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
