import { CheckpointError } from "../problem/checkpointError";
import { formatBytes } from "../text/quantities";
import { ZstdBlocks } from "./zstdBlocks";
import { damagedZstd } from "./zstdTables";

const frameMagic = 0xfd2fb528;
const firstSkippable = 0x184d2a50;

/**
 * Inflates Zstandard frames (RFC 8878) that follow each other. No dictionaries; checksums are not looked at. Our own,
 * because core takes no packages and older Node has none.
 * @param maxBytes refuses what inflates to more: the bytes come from a stranger.
 * @throws CheckpointError where the data is damaged, cut or too large.
 */
export function zstdDecompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const output = new ZstdOutput(maxBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at < bytes.length) {
    if (at + 8 > bytes.length) throw damagedZstd("a frame is cut");
    const magic = view.getUint32(at, true);
    if (magic >= firstSkippable && magic < firstSkippable + 16) {
      at += 8 + view.getUint32(at + 4, true);
      continue;
    }
    if (magic !== frameMagic) throw damagedZstd("no frame begins where one should");
    at = readFrame(bytes, at + 4, output);
  }
  return output.take();
}

/** What was inflated, in memory that grows with it. */
export class ZstdOutput {
  private bytes = new Uint8Array(64 * 1024);
  length = 0;
  /** Where the frame begins: what is before it cannot be referred to. */
  frameStart = 0;

  constructor(private readonly maxBytes: number) {}

  /** Memory for `count` more bytes, from `length` on. */
  reserve(count: number): Uint8Array {
    const needed = this.length + count;
    if (needed > this.maxBytes) {
      const message = `The compressed data inflates to more than ${formatBytes(this.maxBytes)}.`;
      throw new CheckpointError("InflatesTooFar", message);
    }
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.min(this.maxBytes, Math.max(needed, 2 * this.bytes.length)));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    return this.bytes;
  }

  take(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}

/** @returns the byte behind the frame. */
function readFrame(bytes: Uint8Array, start: number, output: ZstdOutput): number {
  const descriptor = bytes[start] as number;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] as number;
  const sizeBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag;
  let at = start + 1 + (isSingleSegment ? 0 : 1);
  for (let byte = 0; byte < dictionaryBytes; byte++) {
    if (bytes[at + byte] !== 0) throw damagedZstd("it needs a dictionary, which is not there");
  }
  at += dictionaryBytes + sizeBytes;
  output.frameStart = output.length;
  const blocks = new ZstdBlocks(bytes, output);
  for (let isLast = false; !isLast; ) {
    if (at + 3 > bytes.length) throw damagedZstd("a block is cut");
    const header =
      (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
    isLast = (header & 1) === 1;
    at = blocks.read((header >> 1) & 3, at + 3, header >> 3);
  }
  // A checksum of the content.
  return at + ((descriptor & 4) === 0 ? 0 : 4);
}
