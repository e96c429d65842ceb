/**
 * A name that came from a file, for a terminal: what moves the cursor, colours, turns the direction of writing or
 * cannot be seen becomes its code, as `\u001b`.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, escapeOf);
}

/** The same for text of several lines, which stay. */
export function printableLines(text: string): string {
  return text.replace(/[\p{Cf}\p{Cs}\u2028\u2029]|(?!\n)\p{Cc}/gu, escapeOf);
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const digits = code.toString(16);
  return code > 0xffff ? `\\u{${digits}}` : `\\u${digits.padStart(4, "0")}`;
}
