/**
 * A Python literal that is exactly this string, whatever is in it. Names and paths come from files that anyone
 * may have made, and the snippet is pasted where it runs: nothing may end the literal, break its line or look
 * like what it is not. Letters, marks, numbers, punctuation and symbols of any script stay readable.
 */
export function pythonString(text: string): string {
  let literal = "";
  for (const character of text) literal += escaped(character);
  return `"${literal}"`;
}

// Except where they are invisible, as variation selectors and Hangul fillers are.
const readable = /^(?!\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

function escaped(character: string): string {
  switch (character) {
    case "\\":
    case '"':
      return `\\${character}`;
    case "\n":
      return "\\n";
    case "\r":
      return "\\r";
    case "\t":
      return "\\t";
  }
  if (readable.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  // A lone half of a surrogate pair is escaped too; Python's `str` can hold one.
  if (code <= 0xff) return `\\x${hex(code, 2)}`;
  return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
