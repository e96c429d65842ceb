/** One character for every byte. */
export function latin1Text(bytes: Uint8Array): string {
  let text = "";
  // Longer ones would be kept as their parts.
  if (bytes.length <= 12) {
    for (const byte of bytes) text += String.fromCharCode(byte);
    return text;
  }
  for (let at = 0; at < bytes.length; at += 4096) {
    // Spread, they would be copied one by one.
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + 4096) as unknown as number[]);
  }
  return text;
}

/** The reverse of `latin1Text`: the low byte of every character. */
export function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
