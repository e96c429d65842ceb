import { CheckpointError } from "../../problem/checkpointError";
import { formatCount, plural } from "../../text/quantities";
import { differentFile, type PartRows } from "./partFile";
import type { ScanFile } from "./scanFile";

/** Missing parts that are named. */
const maxNamed = 20;

/** One of the parts, and the file that it was read from. */
export interface ReadPart<T> {
  readonly file: string;
  readonly scan: T;
}

/** The parts of a scan as the whole that one process would have written. @throws as `joinRows` does. */
export function joinScans(parts: readonly ReadPart<ScanFile>[]): ScanFile {
  const tensors = joinRows(parts, (a, b) =>
    a.sha256 === b.sha256 ? undefined : "only one of them has hashes",
  );
  const changedFiles = [...new Set(parts.flatMap(({ scan }) => scan.changedFiles))].sort();
  return { ...(parts[0] as ReadPart<ScanFile>).scan, part: undefined, tensors, changedFiles };
}

/**
 * The rows of all parts, in their order.
 * @param otherDifference what else must be the same in all parts; undefined where it is.
 * @throws CheckpointError where a part is missing or twice there, is of other files or of another version, or says
 * something of a tensor that another one speaks of too.
 */
export function joinRows<Row extends { readonly index: number }, T extends PartRows<Row>>(
  parts: readonly ReadPart<T & PartRows<Row>>[],
  otherDifference: (a: T, b: T) => string | undefined = () => undefined,
): readonly Row[] {
  const [first] = parts;
  if (first === undefined) throw new CheckpointError("PartsMissing", "There are no parts here.");
  const count = first.scan.part?.count;
  if (count === undefined) throw refused("NoPart", "It is a whole and no part of one.", first.file);
  const byNumber = new Map<number, string>();
  for (const { file, scan } of parts) {
    const difference = differenceOf(first.scan, scan) ?? otherDifference(first.scan, scan);
    if (difference !== undefined)
      throw refused(
        "PartsOfOtherScans",
        `It is no part of the same whole as ${first.file}: ${difference}.`,
        file,
      );
    const number = scan.part?.number ?? 0;
    const other = byNumber.get(number);
    if (other !== undefined)
      throw refused("PartTwice", `It is part ${formatCount(number)}, and so is ${other}.`, file);
    byNumber.set(number, file);
  }
  const missing = Array.from({ length: count }, (_, at) => at + 1).filter((each) => !byNumber.has(each));
  if (missing.length > 0) throw partsMissing(missing, count);
  const rows: (Row | undefined)[] = new Array(first.scan.tensorCount).fill(undefined);
  for (const { file, scan } of parts) {
    for (const row of scan.tensors) {
      if (row.index < 0 || row.index >= rows.length || rows[row.index] !== undefined)
        throw refused("TensorTwice", `Tensor ${formatCount(row.index)} is in another part too.`, file);
      rows[row.index] = row;
    }
  }
  const found = rows.filter((row) => row !== undefined);
  if (found.length < rows.length) {
    const lost = plural(rows.length - found.length, "tensor");
    throw new CheckpointError("TensorsMissing", `${lost} of the checkpoint are in none of the parts.`);
  }
  return found;
}

function refused(code: string, message: string, file: string): CheckpointError {
  return new CheckpointError(code, message, undefined, file);
}

function partsMissing(missing: readonly number[], count: number): CheckpointError {
  const named = missing.slice(0, maxNamed).map(formatCount).join(", ");
  const more = missing.length > maxNamed ? ` and ${formatCount(missing.length - maxNamed)} more` : "";
  const which =
    missing.length === 1
      ? `Part ${named} of ${formatCount(count)} is`
      : `Of ${formatCount(count)} parts ${named}${more} are`;
  return new CheckpointError("PartsMissing", `${which} missing. Make what is missing, then join again.`);
}

function differenceOf(a: PartRows<unknown>, b: PartRows<unknown>): string | undefined {
  if (a.version !== b.version) return `one was measured by version ${a.version}, the other by ${b.version}`;
  if (a.part?.count !== b.part?.count) return "it counts another number of parts";
  if (a.tensorCount !== b.tensorCount) return "it counts another number of tensors";
  const file = differentFile(a.files, b.files);
  return file === undefined ? undefined : `${file} was another file`;
}
