import type { Problem } from "../problem/problem";
import { printable } from "../text/printable";

/** A problem as one line for people. */
export function problemLine({ severity, code, message, offset }: Problem): string {
  const place = offset === undefined ? "" : ` (byte ${offset})`;
  return `${severity}: ${printable(code)}: ${printable(message)}${place}`;
}
