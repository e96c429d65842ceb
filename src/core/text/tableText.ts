/** A table as text to paste: into an issue or a chat as Markdown, into a spreadsheet as CSV. */
export interface TextTable {
  readonly headers: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns of numbers, by index. */
  readonly alignEnd?: ReadonlySet<number> | undefined;
}

export function toMarkdown({ headers, rows, alignEnd }: TextTable): string {
  const line = (cells: readonly string[]) => `| ${cells.map(markdownCell).join(" | ")} |`;
  const rule = headers.map((_, index) => (alignEnd?.has(index) ? "---:" : "---"));
  return `${[line(headers), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n")}\n`;
}

/** A cell must stay in its cell, and what a file calls its tensors must not become markup. */
function markdownCell(text: string): string {
  return text.replace(/[\\`*_[\]<>|~]/g, "\\$&").replace(/[\r\n]+/g, " ");
}

export function toCsv({ headers, rows }: TextTable): string {
  return [headers, ...rows].map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

function csvCell(text: string): string {
  // A spreadsheet takes a leading =, + or @ for a formula, and names come from files that anyone may have made.
  const harmless = /^[=+@\t\r]|^-(?![\d.])/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
