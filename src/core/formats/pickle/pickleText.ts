import { latin1Text } from "../../text/latin1";

/** Text of pickles: UTF-8, and the escapes of protocol 0. */

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Up to here a loop beats the decoder, and what it adds up is one text: longer ones are kept as their parts. */
const shortLength = 12;

/** UTF-8; halves of surrogate pairs, which Python can write, become U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decodeShortAscii(bytes) ?? utf8.decode(bytes);
}

/** Undefined where the bytes are no UTF-8: in a string of Python 2 they are then data, not text. */
export function tryDecodeUtf8(bytes: Uint8Array): string | undefined {
  const short = decodeShortAscii(bytes);
  if (short !== undefined) return short;
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function decodeShortAscii(bytes: Uint8Array): string | undefined {
  if (bytes.length > shortLength) return undefined;
  let text = "";
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte >= 0x80) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** UNICODE: `\uXXXX` and `\UXXXXXXXX` are escapes, all other bytes are Latin-1 (Python's raw-unicode-escape). */
export function decodeRawUnicodeEscape(line: Uint8Array): string {
  return latin1Text(line).replace(
    /(\\+)(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/g,
    (all, slashes: string, short: string | undefined, long: string | undefined) => {
      // An even number of backslashes escapes nothing here, though they stay as they are.
      const code = Number.parseInt(short ?? long ?? "", 16);
      if (slashes.length % 2 === 0 || code > 0x10ffff) return all;
      return slashes.slice(1) + String.fromCodePoint(code);
    },
  );
}

const simpleEscapes = new Map<string, number>([
  ["n", 10],
  ["t", 9],
  ["r", 13],
  ["a", 7],
  ["b", 8],
  ["f", 12],
  ["v", 11],
  ["\\", 92],
  ["'", 39],
  ['"', 34],
]);

/** STRING: a quoted literal of Python 2 without its quotes, as bytes; undefined where the quotes are missing. */
export function decodeQuotedString(line: Uint8Array): Uint8Array | undefined {
  const text = latin1Text(line).trim();
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || !text.endsWith(quote)) return undefined;
  const bytes: number[] = [];
  const pattern = /\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|([\s\S]))|([^\\])/g;
  for (const [, hex, octal, simple, plain] of text.slice(1, -1).matchAll(pattern)) {
    if (plain !== undefined) bytes.push(plain.charCodeAt(0));
    else if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (octal !== undefined) bytes.push(Number.parseInt(octal, 8) & 0xff);
    else if (simple !== undefined) {
      const code = simpleEscapes.get(simple);
      if (code === undefined) bytes.push(0x5c, simple.charCodeAt(0));
      else bytes.push(code);
    }
  }
  return Uint8Array.from(bytes);
}
