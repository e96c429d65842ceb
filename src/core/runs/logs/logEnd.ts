import type { Problem } from "../../problem/problem";

/** The log ends inside a record, at rest. */
export function cutLog(offset: number): Problem {
  const message =
    "The log ends inside a record: it is still being written, or was cut. What comes before is shown.";
  return { severity: "info", code: "LogTruncated", message, offset };
}

/** A record that cannot be trusted; what it begins with is at `start` of the bytes, `offset` in the file. */
export function damagedLog(bytes: Uint8Array, start: number, offset: number): Problem {
  let end = start;
  while (end < bytes.length && bytes[end] === 0) end++;
  if (end === bytes.length) {
    const message =
      "The log ends in zeros: the machine stopped before the last records were written. " +
      "What comes before is shown.";
    return { severity: "warning", code: "LogZeroTail", message, offset };
  }
  const message =
    "A record of the log is damaged: its checksum is wrong. What comes before is shown, not what follows.";
  return { severity: "warning", code: "LogChecksum", message, offset };
}
