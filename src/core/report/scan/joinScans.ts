import { CheckpointError } from "../../problem/checkpointError";
import { formatCount, plural } from "../../text/quantities";
import type { ScanFile, ScannedFile, ScannedTensorRow } from "./scanFile";

/** Missing parts that are named. */
const maxNamed = 20;

/**
 * The parts of a scan as the whole that one process would have written.
 * @throws CheckpointError where a part is missing or twice there, is of other files or of another version, or says
 * something of a tensor that another one speaks of too.
 */
export function joinScans(parts: readonly { readonly file: string; readonly scan: ScanFile }[]): ScanFile {
  const [first] = parts;
  if (first === undefined) throw new CheckpointError("PartsMissing", "There are no parts of a scan here.");
  const count = first.scan.part?.count;
  if (count === undefined) throw refused("NoPart", "It is a whole scan and no part of one.", first.file);
  const byNumber = new Map<number, string>();
  for (const { file, scan } of parts) {
    const difference = differenceOf(first.scan, scan);
    if (difference !== undefined)
      throw refused(
        "PartsOfOtherScans",
        `It is no part of the same scan as ${first.file}: ${difference}.`,
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
  const rows: (ScannedTensorRow | undefined)[] = new Array(first.scan.tensorCount).fill(undefined);
  for (const { file, scan } of parts) {
    for (const row of scan.tensors) {
      if (row.index < 0 || row.index >= rows.length || rows[row.index] !== undefined)
        throw refused("TensorTwice", `Tensor ${formatCount(row.index)} is in another part too.`, file);
      rows[row.index] = row;
    }
  }
  const changedFiles = [...new Set(parts.flatMap(({ scan }) => scan.changedFiles))].sort();
  const tensors = rows.filter((row) => row !== undefined);
  if (tensors.length < rows.length) {
    const lost = plural(rows.length - tensors.length, "tensor");
    throw new CheckpointError("TensorsMissing", `${lost} of the checkpoint are in none of the parts.`);
  }
  return { ...first.scan, part: undefined, tensors, changedFiles };
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
  return new CheckpointError("PartsMissing", `${which} missing. Scan what is missing, then join again.`);
}

function differenceOf(a: ScanFile, b: ScanFile): string | undefined {
  if (a.version !== b.version) return `one was measured by version ${a.version}, the other by ${b.version}`;
  if (a.part?.count !== b.part?.count) return "it counts another number of parts";
  if (a.tensorCount !== b.tensorCount) return "it counts another number of tensors";
  if (a.sha256 !== b.sha256) return "only one of them has hashes";
  const file = differentFile(a.files, b.files);
  return file === undefined ? undefined : `${file} was another file`;
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
