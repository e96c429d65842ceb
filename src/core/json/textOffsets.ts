/** Characters between two positions whose byte offset is kept. */
const stride = 16_384;

/** Byte offsets of positions in a text that was decoded from UTF-8, without encoding it again for each. */
export class TextOffsets {
  private readonly ascii: boolean;
  /** Byte offset of every `stride`th character; made when first needed. */
  private marks: readonly number[] | undefined;

  constructor(
    private readonly text: string,
    byteLength: number,
  ) {
    this.ascii = text.length === byteLength;
  }

  byteOffset(position: number): number {
    if (this.ascii) return position;
    this.marks ??= markOffsets(this.text);
    const mark = Math.floor(position / stride);
    return (this.marks[mark] ?? 0) + utf8Length(this.text, mark * stride, position);
  }
}

function markOffsets(text: string): number[] {
  const marks: number[] = [];
  let bytes = 0;
  for (let at = 0; at <= text.length; at += stride) {
    marks.push(bytes);
    bytes += utf8Length(text, at, at + stride);
  }
  return marks;
}

/** Bytes of a part of a well-formed text in UTF-8; each half of a surrogate pair counts 2. */
export function utf8Length(text: string, from: number, to: number): number {
  const end = Math.min(to, text.length);
  let bytes = 0;
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800 || (code >= 0xd800 && code < 0xe000)) bytes += 2;
    else bytes += 3;
  }
  return bytes;
}
