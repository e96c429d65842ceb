import { readText } from "../core/bytes/readText";
import { parseScan, type ScanFile } from "../core/report/scan/scanFile";
import type { ScanPart } from "../core/report/scan/scanShare";
import { nodeFiles } from "../worker/nodeFiles";

/** A million tensors with hashes have about 300 MB. */
const maxScanBytes = 500_000_000;

/** What a scan is called in its folder. Parts sort by their number. */
export function scanFileName(part: ScanPart | undefined): string {
  if (part === undefined) return "scan.json";
  const width = Math.max(3, String(part.count).length);
  const digits = (value: number) => String(value).padStart(width, "0");
  return `part-${digits(part.number)}-of-${digits(part.count)}.scan.json`;
}

/** @throws CheckpointError where it is no scan, or damaged. */
export async function readScanFile(path: string): Promise<ScanFile> {
  return parseScan(await readText(nodeFiles, path, maxScanBytes), path);
}
