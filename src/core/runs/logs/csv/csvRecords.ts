/** A quoted cell with more line ends than that was never closed. */
const maxQuotedLength = 1_000_000;

const quote = 0x22;

/** One record, and where the next begins; `cells` is undefined where the record is not whole yet. */
export interface CsvRecord {
  readonly cells: readonly string[] | undefined;
  readonly end: number;
}

/**
 * Reads the record that begins at a place (RFC 4180): cells may be in quotes and then hold separators,
 * doubled quotes and line ends. Lines end with LF or CRLF. `isEnd` says that nothing follows the text.
 */
export function readRecord(
  text: string,
  start: number,
  separator: string,
  isEnd: boolean,
  mayQuote = true,
): CsvRecord {
  const lineFeed = text.indexOf("\n", start);
  if (lineFeed < 0 && !isEnd) return { cells: undefined, end: start };
  const lineEnd = lineFeed < 0 ? text.length : lineFeed;
  const line = text.slice(start, text.charCodeAt(lineEnd - 1) === 0x0d ? lineEnd - 1 : lineEnd);
  const next = Math.min(lineEnd + 1, text.length);
  if (!mayQuote || !line.includes('"')) return { cells: line.split(separator), end: next };
  const quoted = readQuoted(text, start, separator, isEnd);
  if (quoted === "open" && !isEnd && text.length - start < maxQuotedLength) {
    return { cells: undefined, end: start };
  }
  // A quote that is never closed is no quote.
  return quoted === "open" ? { cells: line.split(separator), end: next } : quoted;
}

function readQuoted(text: string, start: number, separator: string, isEnd: boolean): CsvRecord | "open" {
  const cells: string[] = [];
  let at = start;
  for (;;) {
    let cell = "";
    if (text.charCodeAt(at) === quote) {
      const closing = closingQuote(text, at + 1);
      if (closing < 0) return "open";
      cell = text.slice(at + 1, closing).replaceAll('""', '"');
      at = closing + 1;
    }
    const end = cellEnd(text, at, separator);
    if (end === text.length && !isEnd) return "open";
    const rest = text.slice(at, end);
    const last = end === text.length || text[end] === "\n";
    cells.push(cell + (last && rest.endsWith("\r") ? rest.slice(0, -1) : rest));
    if (last) return { cells, end: Math.min(end + 1, text.length) };
    at = end + separator.length;
  }
}

/** Of a cell whose quote was opened before `start`; doubled quotes do not close it. */
function closingQuote(text: string, start: number): number {
  for (let at = text.indexOf('"', start); at >= 0; at = text.indexOf('"', at + 2)) {
    if (at - start > maxQuotedLength) return -1;
    if (text.charCodeAt(at + 1) !== quote) return at;
  }
  return -1;
}

function cellEnd(text: string, start: number, separator: string): number {
  const lineFeed = text.indexOf("\n", start);
  const lineEnd = lineFeed < 0 ? text.length : lineFeed;
  const end = text.indexOf(separator, start);
  return end < 0 || end > lineEnd ? lineEnd : end;
}

const separators = [",", ";", "\t", "|"] as const;

/** The separator that splits the header into most cells. */
export function detectSeparator(header: string): string {
  let best = ",";
  let most = 1;
  for (const separator of separators) {
    const { cells = [] } = readRecord(header, 0, separator, true);
    if (cells.length > most) {
      most = cells.length;
      best = separator;
    }
  }
  return best;
}
