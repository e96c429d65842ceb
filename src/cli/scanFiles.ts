import { join } from "node:path";
import { readText } from "../core/bytes/readText";
import type { ReadPart } from "../core/report/scan/joinScans";
import type { ScanPart } from "../core/report/scan/scanShare";
import { formatCount } from "../core/text/quantities";
import { nodeFiles } from "../worker/nodeFiles";
import { nodeSink } from "../worker/nodeSink";
import { maxScanFileBytes } from "../worker/readScanFile";
import { UsageError } from "./usageError";

/** Flags of commands whose work can be shared among machines. */
export const partFlags = {
  out: { type: "string" },
  part: { type: "string" },
  join: { type: "string" },
} as const;

/** @throws UsageError unless it is K/N with K from 1 to N. */
export function partOf(text: string): ScanPart {
  const [, number, count] = (/^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? []).map(Number);
  if (number === undefined || count === undefined || number < 1 || number > count)
    throw new UsageError(`--part takes K/N, the K-th of N parts, such as 3/8, not "${text}".`);
  return { number, count };
}

/** What a file of `kind`, such as "scan", is called in its folder. Parts sort by their number. */
export function partFileName(kind: string, part: ScanPart | undefined): string {
  if (part === undefined) return `${kind}.json`;
  const width = Math.max(3, String(part.count).length);
  const digits = (value: number) => String(value).padStart(width, "0");
  return `part-${digits(part.number)}-of-${digits(part.count)}.${kind}.json`;
}

export function partPrefix({ number, count }: ScanPart): string {
  return `Part ${formatCount(number)} of ${formatCount(count)}: `;
}

async function readPart<T>(path: string, parse: (text: string, file: string) => T): Promise<T> {
  return parse(await readText(nodeFiles, path, maxScanFileBytes), path);
}

/** The parts of a kind that lie in a folder. */
export async function readParts<T>(
  folder: string,
  kind: string,
  parse: (text: string, file: string) => T,
): Promise<readonly ReadPart<T>[]> {
  const entries = await nodeFiles.list(folder);
  const names = entries
    .map(({ name }) => name)
    .filter((name) => /^part-\d+-of-\d+\./.test(name) && name.endsWith(`.${kind}.json`));
  const parts: ReadPart<T>[] = [];
  for (const file of names.sort()) parts.push({ file, scan: await readPart(join(folder, file), parse) });
  return parts;
}

/** Replaces what an earlier attempt wrote: a task that is run again writes the same. */
export async function writePart(
  path: string,
  text: string,
  parse: (text: string, file: string) => unknown,
): Promise<void> {
  const output = await nodeSink.createFile(path, { replace: true });
  try {
    await output.writer.writeAt(0, new TextEncoder().encode(text));
    await output.writer.close();
    await readPart(output.temporaryPath, parse);
    await output.commit();
  } finally {
    await output.discard();
  }
}
