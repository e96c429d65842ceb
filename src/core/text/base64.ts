const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const sextets = new Map([...alphabet].map((character, value) => [character, value]));

/** The bytes that a text stands for (RFC 4648 §4), line ends passed over; undefined where it is no base64. */
export function base64Bytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.ceil((text.length * 3) / 4));
  let length = 0;
  let held = 0;
  let bits = 0;
  for (const character of text) {
    if (character === "\n" || character === "\r") continue;
    if (character === "=") break;
    const sextet = sextets.get(character);
    if (sextet === undefined) return undefined;
    held = ((held << 6) | sextet) & 0xfff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length++] = (held >> bits) & 0xff;
  }
  return bytes.subarray(0, length);
}
