import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../support/projectRoot";

export const columns = ["format", "read", "joined", "not"] as const;
export type Column = (typeof columns)[number];

export interface ReadmeRow {
  /** The first format that it names. */
  readonly name: string;
  /** What its cells claim, one by one. */
  readonly claims: Readonly<Record<Column, readonly string[]>>;
}

/** The rows of the README's table of formats. */
export function readmeTable(): readonly ReadmeRow[] {
  const lines = readFileSync(join(projectRoot, "README.md"), "utf8").split("\n");
  const cellsOf = (line: string) => line.split("|").slice(1, -1);
  const head = lines.findIndex(
    (line) =>
      cellsOf(line)
        .map((cell) => cell.trim())
        .join() === columns.join(),
  );
  if (head < 0) throw new Error(`README has no table of ${columns.join(", ")}.`);
  const rows = lines.slice(head + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.trim().startsWith("|")),
    )
    .map((line) => {
      const [format = "", read = "", joined = "", not = ""] = cellsOf(line);
      const claims = {
        format: claimsOf(format),
        read: claimsOf(read),
        joined: claimsOf(joined),
        not: claimsOf(not),
      };
      return { name: claims.format[0] ?? "", claims };
    });
}

/** A cell lists what it claims between `,` `;` `:` and parentheses; what stands in backticks is never cut. */
function claimsOf(cell: string): readonly string[] {
  const parts = cell.match(/(?:`[^`]*`|[^,;:()`])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}
