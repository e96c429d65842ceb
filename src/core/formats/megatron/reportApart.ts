import type { Problem } from "../../problem/problem";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";

/** One sentence about the parameters that are not put together, with why of the first. */
export function reportApart(
  apart: readonly { readonly name: string; readonly reason: string }[],
  report: (problem: Problem) => void,
): void {
  const [example] = apart;
  if (example === undefined) return;
  const message = `${formatCount(apart.length)} parameters, such as ${quote(example.name)}, are shown for each tensor-parallel rank (tp_rank_N) and not joined: ${example.reason}.`;
  report({ severity: "info", code: "RanksApart", message });
}
