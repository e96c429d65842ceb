import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import type { Problem } from "../../problem/problem";
import { formatBytes } from "../../text/quantities";
import { openArchive } from "../torch/torchArchive";
import type { Look } from "./look";

/**
 * `pickle.load` reads one pickle; what stands behind it is read by the next call, or by no one. An archive there makes
 * the file one for all who look for its directory.
 */
export async function lookBehind(
  source: ByteSource,
  end: number,
  shown: string,
  look: Look,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  if (end >= source.size) return [];
  const before = look.pickles;
  const rest = await look.intoPickles(source, end, { where: `what follows ${shown}`, depth: 0 });
  const count = look.pickles - before;
  const what =
    count === 0 ? formatBytes(source.size - end) : `${count} more ${count === 1 ? "pickle" : "pickles"}`;
  const message = `${what} ${count === 1 ? "follows" : "follow"} ${shown}.`;
  const trailing: Problem = { severity: "info", code: "TrailingBytes", message, offset: end };
  return rest >= source.size
    ? [trailing]
    : [trailing, ...(await lookIntoArchiveBehind(source, look, signal))];
}

const twoFormats: Problem = {
  severity: "warning",
  code: "TwoFormats",
  message:
    "The file is a pickle and a zip archive at once. Readers differ in what they make of it; " +
    "the pickle is shown, and the imports of both are listed.",
};

/** Nothing where there is none. */
export async function lookIntoArchiveBehind(
  source: ByteSource,
  look: Look,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  try {
    const archive = await openArchive(source, new Uint8Array(), undefined, signal);
    if (archive.directory.entries.length === 0) return [];
    await look.intoArchive(archive, { where: "the archive behind the pickle", depth: 0 });
    return [twoFormats];
  } catch (error) {
    if (error instanceof CheckpointError || error instanceof RangeError) return [];
    throw error;
  }
}
