/** Rows as aligned columns; columns of numbers to the right. For terminals: control characters are made visible. */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map(printable));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const right = header.map(
    (_, column) => rows.length > 0 && rows.every((row) => isNumeric(row[column] ?? "")),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        right[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return cells.map(line).join("\n");
}

function isNumeric(cell: string): boolean {
  return cell === "" || cell === "-" || /^[-∞\d]/.test(cell) || cell === "NaN";
}

/** A tensor's name must not move the cursor or colour the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
