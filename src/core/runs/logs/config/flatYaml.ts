import type { ConfigRow } from "../logFormat";

/** Rows beyond this are data, not settings. */
const maxRows = 2000;
const maxValueLength = 400;

interface Level {
  readonly indent: number;
  readonly path: string;
}

/** The key of a line and what follows it; the key may be in quotes, and the value empty. */
const keyLine = /^(?:"([^"]*)"|'([^']*)'|([^\s#:][^:]*?))\s*:(?:\s+(.*))?$/;

/**
 * The `key: value` lines of a YAML file as rows, nested ones under a dotted path, lists joined with commas.
 * This is no YAML parser: what loggers write is maps of scalars, and anything else is shown as it stands.
 */
export function flatYaml(text: string): ConfigRow[] {
  const rows = new Map<string, string>();
  const levels: Level[] = [];
  for (const line of text.split(/\r?\n/)) {
    const content = line.trim();
    if (content === "" || content.startsWith("#") || content === "---" || content === "...") continue;
    if (rows.size >= maxRows) break;
    const indent = line.length - line.trimStart().length;
    if (content === "-" || content.startsWith("- ")) {
      // A list may be indented as deep as its key, or deeper.
      while ((levels.at(-1)?.indent ?? -1) > indent) levels.pop();
      const path = levels.at(-1)?.path;
      if (path !== undefined) addToRow(rows, path, scalar(content.slice(1).trim()));
      continue;
    }
    while ((levels.at(-1)?.indent ?? -1) >= indent) levels.pop();
    const [, double, single, plain, rest = ""] = keyLine.exec(content) ?? [];
    const key = double ?? single ?? plain;
    const parent = levels.at(-1)?.path;
    if (key === undefined) {
      if (parent !== undefined) addToRow(rows, parent, content, " ");
      continue;
    }
    const path = parent === undefined ? key : `${parent}.${key}`;
    levels.push({ indent, path });
    const value = scalar(rest);
    // A block of text or of members follows: its lines are added to this row, or are rows of their own.
    if (value !== "" && !/^[|>][-+\d]*$/.test(value) && !/^[!&]\S*$/.test(value)) rows.set(path, cut(value));
  }
  return [...rows];
}

function addToRow(rows: Map<string, string>, path: string, text: string, separator = ", "): void {
  const known = rows.get(path);
  rows.set(path, cut(known === undefined ? text : `${known}${separator}${text}`));
}

/** Without quotes, and without a comment behind it. */
function scalar(text: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"|^'((?:[^']|'')*)'/.exec(text);
  if (quoted?.[1] !== undefined) return quoted[1].replace(/\\(["\\])/g, "$1");
  if (quoted?.[2] !== undefined) return quoted[2].replaceAll("''", "'");
  return text.replace(/(?:^|\s)#.*$/, "").trim();
}

function cut(text: string): string {
  return text.length > maxValueLength ? `${text.slice(0, maxValueLength)}…` : text;
}
