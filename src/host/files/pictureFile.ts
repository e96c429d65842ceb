const pngSignature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export function isPng(bytes: Uint8Array): boolean {
  return bytes.length > pngSignature.length && pngSignature.every((byte, at) => bytes[at] === byte);
}

/** File systems take 255 bytes; names out of checkpoints may be longer, and of letters of three bytes each. */
const longestName = 80;

/** A file name made of words that may hold anything: letters, digits and single dashes, with the ending. */
export function pictureFileName(words: string): string {
  const name = words
    .normalize("NFC")
    .replace(/ΔW/g, "dW")
    .replace(/[^\p{L}\p{N}._]+/gu, "-")
    .slice(0, longestName)
    .replace(/^[-.]+|[-.]+$/g, "");
  return `${name === "" ? "picture" : name}.png`;
}
