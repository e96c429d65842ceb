import type { CompareStep } from "../compare/compareSteps";
import type { AlignedRow, Alignment } from "../compare/tensors/alignTensors";
import { isTransposed } from "../compare/tensors/diffPairs";
import { type DiffNumbers, type DiffTable, diffStatus } from "../compare/tensors/diffTable";
import { tensorSentence } from "../compare/tensors/tensorSentence";
import { layoutText } from "../tensors/tensor";
import { formatCount, formatNumber, plural } from "../text/quantities";
import { plainTable } from "./textTable";

/** How the tensors of a comparison are told: with their values where they were compared. */
export interface TensorFindings {
  readonly alignment: Alignment;
  /** Undefined where the values were not asked for. */
  readonly table: DiffTable | undefined;
}

/**
 * The `tensors` of `compare --json`. Numbers are those against the first snapshot; of several snapshots, of the one
 * that differs most from it, and `pairs` has them all.
 */
export function tensorReport({ alignment, table }: TensorFindings) {
  return alignment.rows.map((row, index) => {
    const numbers = table && largestChange(table, index);
    const isSeveral = table !== undefined && table.pairs.length > 1;
    return {
      name: row.name,
      ...(row.part === undefined ? {} : { part: row.part }),
      status: table === undefined ? row.status : diffStatus(row, index, table),
      ...(numbers === undefined ? {} : numbersReport(numbers)),
      layouts: row.tensors.map((tensor) => tensor && layoutText(tensor)).map((text) => text ?? null),
      ...(row.tiedTo === undefined ? {} : { tiedTo: row.tiedTo }),
      ...(hasTransposed(row) ? { transposed: true } : {}),
      ...(isSeveral ? { pairs: pairReports(table, index) } : {}),
    };
  });
}

/** What a comparison says of two neighbours: of two models what became of their values, where these were compared. */
export function stepSentence(
  { from, to, sentence, ofTensors }: CompareStep,
  { alignment, table }: TensorFindings,
): string {
  return ofTensors === true ? tensorSentence(alignment.rows, from, to, table) : sentence;
}

function pairReports(table: DiffTable, row: number) {
  return table.pairs.flatMap(({ a, b }, pair) => {
    const isChanged = table.isChanged(row, pair);
    if (isChanged === undefined) return [];
    const numbers = table.numbers(row, pair);
    const status = isChanged ? "changed" : "equal";
    return [{ a, b, status, ...(numbers === undefined ? {} : numbersReport(numbers)) }];
  });
}

/** A cosine with a tensor of zeros does not exist, and of no element there is no number at all. */
function numbersReport({ maxAbs, meanAbs, relativeL2, cosine, changed, mismatches }: DiffNumbers) {
  return {
    ...(Number.isNaN(maxAbs) ? {} : { maxAbs, meanAbs, relativeL2 }),
    ...(Number.isNaN(cosine) ? {} : { cosine }),
    changed,
    ...(mismatches === 0 ? {} : { mismatches }),
  };
}

/** Numbers of the snapshot that differs most from the first. */
function largestChange(table: DiffTable, row: number): DiffNumbers | undefined {
  let largest: DiffNumbers | undefined;
  for (const [pair, { a }] of table.pairs.entries()) {
    const numbers = a === 0 ? table.numbers(row, pair) : undefined;
    if (numbers !== undefined && (largest === undefined || weight(numbers) > weight(largest)))
      largest = numbers;
  }
  return largest;
}

function weight({ relativeL2, mismatches }: DiffNumbers): number {
  if (mismatches > 0) return Number.POSITIVE_INFINITY;
  return Number.isNaN(relativeL2) ? -1 : relativeL2;
}

/** Tensors that are the same everywhere are counted, the others listed, the largest change first. */
export function tensorText({ alignment, table }: TensorFindings, labels: readonly string[]): string {
  const all = alignment.rows.map((row, index) => ({
    row,
    status: table === undefined ? row.status : diffStatus(row, index, table),
    numbers: table && largestChange(table, index),
  }));
  // Once values are compared, the same layout alone says that these could not be.
  const isQuiet = (status: string) => status === (table === undefined ? "same layout" : "equal");
  const isOpen = (status: string) => table !== undefined && status === "same layout";
  const rows = all.filter(({ row }) => row.part === undefined);
  const states = all.filter(({ row }) => row.part !== undefined);
  const listed = rows
    .filter(({ status }) => !isQuiet(status))
    .sort((a, b) => order(b.numbers) - order(a.numbers));
  const header = ["Tensor", "Status", "Rel. L2", "Max |Δ|", "Cosine", "Changed", ...labels];
  const cells = listed.map(({ row, status, numbers }) => [
    row.name,
    isOpen(status) ? "not compared" : statusText(row, status, numbers),
    cell(numbers?.relativeL2),
    cell(numbers?.maxAbs),
    cosineCell(numbers?.cosine),
    numbers === undefined ? "-" : `${formatNumber(numbers.changed * 100, 3)} %`,
    ...row.tensors.map((tensor) => (tensor === undefined ? "-" : layoutText(tensor))),
  ]);
  const quiet = rows.filter(({ status }) => isQuiet(status)).length;
  const word = table === undefined ? "have the same layout; their values were not compared" : "are equal";
  const count =
    quiet === 0 ? [] : [`${plural(quiet, "tensor")} ${quiet === 1 ? word.replace("are", "is") : word}.`];
  const open = states.filter(({ status }) => isOpen(status)).length;
  const moved = states.filter(({ status }) => !isQuiet(status)).length - open;
  const optimizer =
    states.length === 0
      ? []
      : [
          `Optimizer state and other values: ${moved} of ${plural(states.length, "tensor")} differ${table === undefined ? " in layout; their values were not compared" : open === 0 ? "" : `, ${formatCount(open)} could not be compared`}. --json lists them.`,
        ];
  return [...(cells.length === 0 ? [] : [plainTable(header, cells)]), ...count, ...optimizer].join("\n\n");
}

function statusText(row: AlignedRow, status: string, numbers: DiffNumbers | undefined): string {
  if (hasTransposed(row)) return `${status} (transposed)`;
  const mismatches = numbers?.mismatches ?? 0;
  return mismatches > 0 ? `${status} (${formatCount(mismatches)} NaN or infinite)` : status;
}

/** Never rounded up to 1, which would say "the same direction" of two that are not. */
function cosineCell(cosine: number | undefined): string {
  const text = cell(cosine);
  return text === "1" && cosine !== 1 ? "> 0.9999" : text;
}

function order(numbers: DiffNumbers | undefined): number {
  return numbers === undefined ? -2 : weight(numbers);
}

function cell(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? "-" : formatNumber(value);
}

function hasTransposed({ tensors }: AlignedRow): boolean {
  const first = tensors.find((tensor) => tensor !== undefined);
  return tensors.some(
    (tensor) => tensor !== undefined && first !== undefined && isTransposed(first.shape, tensor.shape),
  );
}
