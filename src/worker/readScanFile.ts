import { readText } from "../core/bytes/readText";
import { parseScan, type ScanFile } from "../core/report/scan/scanFile";
import { nodeFiles } from "./nodeFiles";

/** A million tensors with hashes have about 300 MB. */
export const maxScanFileBytes = 500_000_000;

/** @throws CheckpointError where it is no scan, or damaged. */
export async function readScanFile(path: string): Promise<ScanFile> {
  return parseScan(await readText(nodeFiles, path, maxScanFileBytes), path);
}
