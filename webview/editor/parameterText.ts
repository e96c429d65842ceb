import { formatShortCount } from "../../src/core/text/quantities";

/** "6.74 B parameters", "1 parameter". */
export function parameterText(count: number): string {
  return `${formatShortCount(count)} ${count === 1 ? "parameter" : "parameters"}`;
}
