import type { ByteRegion } from "../../bytes/byteRegion";
import { type ByteSource, MemoryByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { maxLatin1TextBytes } from "../../problem/limits";
import { latin1Bytes } from "../../text/latin1";

/** Bytes that a pickle holds as text: protocol 2 has no other way for Python 3. */
export class StringRegion implements ByteRegion {
  readonly fileOffset = 0;
  private readonly bytes: () => Uint8Array;
  readonly size: number;

  constructor(text: string, encoding: "latin1" | "utf8") {
    this.bytes = () => (encoding === "latin1" ? latin1Bytes(text) : new TextEncoder().encode(text));
    this.size = encoding === "latin1" ? text.length : this.bytes().length;
  }

  async open(): Promise<ByteSource> {
    return new MemoryByteSource(this.bytes());
  }
}

/** The same where the text is so long that it stayed in the file, as UTF-8. */
export class Latin1TextRegion implements ByteRegion {
  readonly fileOffset: number;

  constructor(
    private readonly text: ByteRegion,
    /** Bytes that are wanted of it, where that is known: two bytes of UTF-8 may be one. */
    readonly size: number = text.size,
    private readonly exact = false,
  ) {
    this.fileOffset = text.fileOffset;
  }

  async open(file: ByteSource, signal?: AbortSignal): Promise<ByteSource> {
    const source = await this.text.open(file, signal);
    if (source.size > maxLatin1TextBytes) {
      throw new CheckpointError("TextTooLong", "An array that is written as text is too long to be decoded.");
    }
    const bytes = decodeLatin1Utf8(await source.read(0, source.size, signal));
    if (!this.exact || bytes.length >= this.size) return new MemoryByteSource(bytes);
    throw new CheckpointError("TextTooShort", "An array that is written as text is shorter than its shape.");
  }
}

/** UTF-8 whose characters are all below 256, as bytes; two bytes of UTF-8 become one. */
function decodeLatin1Utf8(utf8: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(utf8.length);
  let length = 0;
  for (let at = 0; at < utf8.length; at++) {
    const byte = utf8[at] as number;
    if (byte < 0x80) bytes[length++] = byte;
    else {
      at++;
      bytes[length++] = ((byte & 0x03) << 6) | ((utf8[at] ?? 0) & 0x3f);
    }
  }
  return bytes.subarray(0, length);
}
