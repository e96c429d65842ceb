/** Bytes written as a string of characters below 256, as pickles are in Python's own documentation. */
export function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** A little-endian number of some bytes, in the same writing. */
export function little(value: number, bytes: number): string {
  let text = "";
  let rest = value;
  for (let at = 0; at < bytes; at++) {
    text += String.fromCharCode(rest % 256);
    rest = Math.floor(rest / 256);
  }
  return text;
}

/** BINUNICODE of an ASCII text. */
export function text(value: string): string {
  return `X${little(value.length, 4)}${value}`;
}
