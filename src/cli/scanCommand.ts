import { join, resolve } from "node:path";
import type { Problem } from "../core/problem/problem";
import { problemLine } from "../core/report/problemText";
import { joinScans } from "../core/report/scan/joinScans";
import { scannedFiles } from "../core/report/scan/partFile";
import { encodeScan, parseScan, type ScanFile } from "../core/report/scan/scanFile";
import { type ScanPart, tensorsOfPart } from "../core/report/scan/scanShare";
import { findingsOfRead, readingProblems, type TensorsRead } from "../core/report/valueFindings";
import type { CheckpointSession } from "../core/session/checkpointSession";
import { exactHalf } from "../core/session/exactHalf";
import { printable } from "../core/text/printable";
import { formatCount, plural } from "../core/text/quantities";
import { nodeFiles } from "../worker/nodeFiles";
import { readTensors } from "../worker/numbers/findInTensors";
import { toolVersion } from "../worker/toolVersion";
import { defineCommand, jsonFlag, onePath, openSession } from "./command";
import { partFileName, partFlags, partOf, partPrefix, readParts, writePart } from "./scanFiles";
import { UsageError } from "./usageError";

/** What `scan --json` prints. */
interface ScanReport {
  /** The file that was written. */
  readonly out: string;
  readonly part?: ScanPart;
  /** Of the whole checkpoint, those of this share, and those that could be read. */
  readonly tensors: number;
  readonly ownTensors: number;
  readonly tensorsRead: number;
  readonly problems: readonly Problem[];
}

export const scanCommand = defineCommand({
  usage:
    "scan PATH --out FOLDER [--part K/N] [--sha256] [--json]\n  checkpoint-explorer scan --join FOLDER [--json]",
  options: {
    ...jsonFlag,
    ...partFlags,
    sha256: { type: "boolean", default: false },
  },
  async run(paths, { out, part, sha256, join: folder }) {
    if (folder !== undefined && (paths.length > 0 || part !== undefined || out !== undefined))
      throw new UsageError("--join takes the folder of the parts and nothing else.");
    if (folder === undefined && out === undefined) throw new UsageError("Where to? Say --out FOLDER.");
    const report =
      folder !== undefined
        ? await joinParts(resolve(folder))
        : await scanPart(
            onePath(paths),
            resolve(out ?? ""),
            part === undefined ? undefined : partOf(part),
            sha256,
          );
    const failed = report.problems.some(({ severity }) => severity === "error");
    return { failed, report: () => report, text: () => scanText(report) };
  },
});

async function scanPart(
  path: string,
  folder: string,
  part: ScanPart | undefined,
  sha256: boolean,
): Promise<ScanReport> {
  const session = await openSession(path);
  const { checkpoint } = session;
  const stat = (file: string) => nodeFiles.stat(file);
  const files = await scannedFiles(checkpoint, stat);
  const indexes =
    part === undefined ? [...checkpoint.tensors.keys()] : tensorsOfPart(checkpoint.tensors, part);
  const read = await readTensors(session, { stats: true, sha256 }, undefined, indexes);
  const scan = scanOf(session, read, { files, part, sha256, indexes });
  const out = join(folder, partFileName("scan", part));
  await writePart(out, encodeScan(scan), parseScan);
  const values = findingsOfRead(session, read, false);
  return {
    out,
    ...(part === undefined ? {} : { part }),
    tensors: checkpoint.tensors.length,
    ownTensors: indexes.length,
    tensorsRead: read.tensors.size,
    problems: [
      ...values.problems,
      ...(await exactHalf(session, (index) => values.tensors.get(index)?.stats)),
    ],
  };
}

interface Share extends Pick<ScanFile, "files" | "part" | "sha256"> {
  readonly indexes: readonly number[];
}

function scanOf(
  { checkpoint: { tensors } }: CheckpointSession,
  { tensors: found, unreadable, changedFiles }: TensorsRead,
  { files, part, sha256, indexes }: Share,
): ScanFile {
  const reasons = new Map(unreadable.map(({ index, reason }) => [index, reason]));
  const rows = [...indexes]
    .sort((a, b) => a - b)
    .map((index) => {
      const reason =
        reasons.get(index) ?? (found.has(index) ? undefined : "its file changed while it was read");
      return {
        index,
        name: tensors[index]?.name ?? "",
        values: found.get(index) ?? {},
        ...(reason === undefined ? {} : { unreadable: reason }),
      };
    });
  return {
    version: toolVersion,
    files,
    tensorCount: tensors.length,
    part,
    sha256,
    tensors: rows,
    changedFiles: changedFiles.map((at) => files[at]?.path ?? "").sort(),
  };
}

async function joinParts(folder: string): Promise<ScanReport> {
  const scan = joinScans(await readParts(folder, "scan", parseScan));
  const out = join(folder, partFileName("scan", undefined));
  await writePart(out, encodeScan(scan), parseScan);
  const lost = scan.tensors.flatMap(({ name, unreadable }) =>
    unreadable === undefined ? [] : [{ name, reason: unreadable }],
  );
  return {
    out,
    tensors: scan.tensorCount,
    ownTensors: scan.tensors.length,
    tensorsRead: scan.tensors.length - lost.length,
    problems: readingProblems(lost, scan.changedFiles),
  };
}

function scanText({ out, part, tensors, ownTensors, tensorsRead, problems }: ScanReport): string {
  const which = part === undefined ? "" : partPrefix(part);
  const of =
    ownTensors === tensors
      ? plural(tensors, "tensor")
      : `${formatCount(ownTensors)} of ${plural(tensors, "tensor")}`;
  return [
    `${which}${of}, ${formatCount(tensorsRead)} of them read; written to ${printable(out)}`,
    ...problems.map(problemLine),
  ].join("\n");
}
