import type { FileStat } from "../../bytes/files";
import { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";
import { findingsOfRead, type TensorsRead, type TensorValues, type ValueFindings } from "../valueFindings";
import { differentFile, scannedFiles } from "./partFile";
import type { ScanFile } from "./scanFile";

/** What an earlier scan found, and what is said of it. @throws as `tensorsOfScan` does. */
export async function findingsOfScan(
  session: CheckpointSession,
  scan: ScanFile,
  file: string,
  stat: (path: string) => Promise<FileStat | undefined>,
): Promise<ValueFindings> {
  const read = await tensorsOfScan(session, scan, file, stat);
  const { problems, ...findings } = findingsOfRead(session, read, false);
  const message = "The values are as an earlier scan of the same files found them; they were not read again.";
  return { ...findings, problems: [...problems, { severity: "info", code: "FromScan", message, file }] };
}

/**
 * What an earlier scan found in the tensors of a checkpoint, in place of reading them.
 * @throws CheckpointError where it is a part of a scan, or of files that are others by now.
 */
export async function tensorsOfScan(
  { checkpoint }: CheckpointSession,
  scan: ScanFile,
  file: string,
  stat: (path: string) => Promise<FileStat | undefined>,
): Promise<TensorsRead> {
  if (scan.part !== undefined) {
    const { number, count } = scan.part;
    const message = `It is part ${formatCount(number)} of ${formatCount(count)}. Join the parts first: scan --join.`;
    throw new CheckpointError("ScanPart", message, undefined, file);
  }
  const now = await scannedFiles(checkpoint, stat);
  const other = differentFile(scan.files, now);
  if (other !== undefined) {
    const message = `${quote(other)} is not what it was when it was scanned. Scan again.`;
    throw new CheckpointError("ScanOfOtherFiles", message, undefined, file);
  }
  const isSame =
    scan.tensors.length === checkpoint.tensors.length &&
    scan.tensors.every(({ index, name }, at) => index === at && checkpoint.tensors[at]?.name === name);
  if (!isSame)
    throw new CheckpointError("ScanOfOtherFiles", "It is the scan of other tensors.", undefined, file);
  const tensors = new Map<number, TensorValues>();
  const unreadable: { index: number; reason: string }[] = [];
  for (const row of scan.tensors) {
    if (row.unreadable === undefined) tensors.set(row.index, row.values);
    else unreadable.push({ index: row.index, reason: row.unreadable });
  }
  const changedFiles = [...now.keys()].filter((at) => scan.changedFiles.includes(now[at]?.path ?? ""));
  return { tensors, unreadable, changedFiles };
}
