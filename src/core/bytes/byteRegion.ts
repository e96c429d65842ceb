import { CheckpointError } from "../problem/checkpointError";
import { maxInflatedBytes } from "../problem/limits";
import { formatBytes } from "../text/quantities";
import { quote } from "../text/quote";
import { RangeByteSource } from "./byteRange";
import { type ByteSource, checkRange, MemoryByteSource } from "./byteSource";
import { InflateCursor, inflateRange } from "./inflate";
import { inflateSmall, smallDeflateBytes } from "./inflateSmall";
import { decodeName, type ZipEntry } from "./zipDirectory";

/**
 * Where bytes of a file are, when that is more than an offset: behind a zip header whose length is not known
 * yet, compressed, inside a pickle inside such a member. Plain data to hold; opened when its bytes are wanted.
 */
export interface ByteRegion {
  readonly size: number;
  /** Where it begins in the file, as far as that is known without reading. For ordering, not for reading. */
  readonly fileOffset: number;
  /** Bytes that are unpacked and held for any read of it, where those are more than the read asks for. */
  readonly heldBytes?: number;
  /** @throws CheckpointError where the bytes cannot be had. */
  open(file: ByteSource, signal?: AbortSignal): Promise<ByteSource>;
}

export class FileRegion implements ByteRegion {
  constructor(
    readonly fileOffset: number,
    readonly size: number,
  ) {}

  async open(file: ByteSource): Promise<ByteSource> {
    const there = Math.max(0, Math.min(this.size, file.size - this.fileOffset));
    return new RangeByteSource(file, Math.min(this.fileOffset, file.size), there);
  }
}

/** Bytes that were read already. */
export class MemoryRegion implements ByteRegion {
  constructor(
    private readonly bytes: Uint8Array,
    readonly fileOffset: number,
  ) {}

  get size(): number {
    return this.bytes.length;
  }

  async open(): Promise<ByteSource> {
    return new MemoryByteSource(this.bytes);
  }
}

/** A part of another region. */
export class SubRegion implements ByteRegion {
  readonly fileOffset: number;

  constructor(
    private readonly outer: ByteRegion,
    private readonly start: number,
    readonly size: number,
  ) {
    this.fileOffset = outer.fileOffset + start;
  }

  get heldBytes(): number {
    return this.outer.heldBytes ?? 0;
  }

  async open(file: ByteSource, signal?: AbortSignal): Promise<ByteSource> {
    return new RangeByteSource(await this.outer.open(file, signal), this.start, this.size);
  }
}

/** A region of what another region opens to: a member of an archive that lies in an archive. */
export class NestedRegion implements ByteRegion {
  readonly size: number;
  readonly fileOffset: number;

  constructor(
    private readonly outer: ByteRegion,
    private readonly inner: ByteRegion,
  ) {
    this.size = inner.size;
    this.fileOffset = outer.fileOffset + inner.fileOffset;
  }

  get heldBytes(): number {
    return (this.outer.heldBytes ?? 0) + (this.inner.heldBytes ?? 0);
  }

  async open(file: ByteSource, signal?: AbortSignal): Promise<ByteSource> {
    return this.inner.open(await this.outer.open(file, signal), signal);
  }
}

const localHeaderSignature = 0x04034b50;
/** Of a member's header in a zip archive, before its name. */
export const localHeaderBytes = 30;

/** What stands in place of zip's `PK` at the start of an archive: GPT-SoVITS keeps its version there, and puts it right when it loads. */
export function archiveMark(head: Uint8Array): string | undefined {
  const mark = String.fromCharCode(...head.subarray(0, 2));
  return /^\d\d$/.test(mark) && head[2] === 3 && head[3] === 4 ? mark : undefined;
}

function isLocalHeader(header: Uint8Array, view: DataView, offset: number): boolean {
  return (
    view.getUint32(0, true) === localHeaderSignature || (offset === 0 && archiveMark(header) !== undefined)
  );
}

/** A member of a zip archive; `archive` is set where the archive itself lies in a region. */
export class ZipEntryRegion implements ByteRegion {
  constructor(
    readonly entry: ZipEntry,
    private readonly archive?: ByteRegion,
  ) {}

  get size(): number {
    return this.entry.size;
  }

  get fileOffset(): number {
    return (this.archive?.fileOffset ?? 0) + this.entry.localHeaderOffset + localHeaderBytes;
  }

  async open(file: ByteSource, signal?: AbortSignal): Promise<ByteSource> {
    const archive = this.archive === undefined ? file : await this.archive.open(file, signal);
    return openZipEntry(archive, this.entry, signal);
  }
}

/**
 * Opens a member: reads its local header, whose name and padding may be longer than the directory says.
 * @throws CheckpointError where the header is not there or the compression is unknown.
 */
export async function openZipEntry(
  archive: ByteSource,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<ByteSource> {
  const { localHeaderOffset, compressedSize, size, method } = entry;
  const start = await dataStart(archive, entry, signal);
  if (start + compressedSize > archive.size) {
    const missing = formatBytes(start + compressedSize - archive.size);
    const message = `Member ${quote(entry.name)} of the archive is cut: ${missing} are missing.`;
    throw new CheckpointError("MemberBeyondEnd", message, localHeaderOffset);
  }
  const data = new RangeByteSource(archive, start, compressedSize);
  // A stored member is as long as its bytes, whatever the directory says.
  if (method === 0) return size <= compressedSize ? new RangeByteSource(data, 0, size) : data;
  if (method === 8) return new InflatedByteSource(data, checkInflatedSize(entry));
  const message = `Member ${quote(entry.name)} is compressed by method ${method}; only deflate can be read.`;
  throw new CheckpointError("UnknownCompression", message, localHeaderOffset);
}

/** The first bytes of a member, at most `length`; of a deflated one no more is inflated than that. */
export async function readMemberStart(
  archive: ByteSource,
  entry: ZipEntry,
  length: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const member = await openZipEntry(archive, entry, signal);
  const wanted = Math.min(length, member.size);
  return member instanceof InflatedByteSource ? member.start(wanted) : member.read(0, wanted, signal);
}

/** The name in a member's own header, where it is another than the directory's; undefined where it is the same. */
export async function otherLocalName(
  archive: ByteSource,
  { name, localHeaderOffset }: ZipEntry,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (localHeaderOffset + localHeaderBytes > archive.size) return undefined;
  const header = await archive.read(localHeaderOffset, localHeaderBytes, signal);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (!isLocalHeader(header, view, localHeaderOffset)) return undefined;
  const start = localHeaderOffset + localHeaderBytes;
  const length = Math.min(view.getUint16(26, true), archive.size - start);
  const local = decodeName(await archive.read(start, length, signal));
  return local === name ? undefined : local;
}

/** Deflate makes at most 1032 bytes of one: what claims more is a lie, for which nothing is allocated. */
function checkInflatedSize({ name, size, compressedSize, localHeaderOffset }: ZipEntry): number {
  if (size <= compressedSize * 1032 + 1024) return size;
  const claim = `${formatBytes(compressedSize)} that should inflate to ${formatBytes(size)}`;
  const message = `Member ${quote(name)} of the archive has ${claim}, which is impossible.`;
  throw new CheckpointError("DamagedDeflate", message, localHeaderOffset);
}

async function dataStart(archive: ByteSource, entry: ZipEntry, signal?: AbortSignal): Promise<number> {
  const { localHeaderOffset, name } = entry;
  const length = Math.min(localHeaderBytes, archive.size - localHeaderOffset);
  const header = length < 0 ? new Uint8Array() : await archive.read(localHeaderOffset, length, signal);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (header.length < localHeaderBytes || !isLocalHeader(header, view, localHeaderOffset)) {
    const message = `Member ${quote(name)} is not where the archive's directory says. The file is damaged.`;
    throw new CheckpointError("NoLocalHeader", message, localHeaderOffset);
  }
  return localHeaderOffset + localHeaderBytes + view.getUint16(26, true) + view.getUint16(28, true);
}

/** How much compressed data is read at once. */
const inflateReadBytes = 256 * 1024;

/** A deflated member up to here is inflated whole by its first read. */
const inflatedAtOnce = 1_000_000;

/**
 * A deflated member. It can only be inflated from its start: reads that go forward are one pass, and who goes back has
 * what was inflated kept, while it is small.
 */
class InflatedByteSource implements ByteSource {
  private whole: Promise<Uint8Array> | undefined;
  private cursor: InflateCursor | undefined;
  /** Where the last read ended. */
  private reached = 0;

  constructor(
    private readonly compressed: ByteSource,
    readonly size: number,
  ) {}

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    checkRange(this, offset, length);
    if (length === 0) return new Uint8Array();
    const isForward =
      this.whole === undefined &&
      offset >= this.reached &&
      this.size > inflatedAtOnce &&
      length < this.size / 2;
    if (isForward || this.size > maxInflatedBytes) {
      this.reached = offset + length;
      this.cursor ??= new InflateCursor(() => this.chunks());
      return this.cursor.read(offset, length, signal);
    }
    // Not cancelled by one reader's signal: the next reader wants it as well.
    this.whole ??= this.start(this.size);
    return (await this.whole).slice(offset, offset + length);
  }

  /** The first bytes, without inflating what is behind them. */
  async start(length: number): Promise<Uint8Array> {
    const { size } = this.compressed;
    if (size > smallDeflateBytes) return inflateRange(this.chunks(), 0, length);
    return inflateSmall(await this.compressed.read(0, size), length);
  }

  private async *chunks(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let at = 0; at < this.compressed.size; at += inflateReadBytes) {
      const length = Math.min(inflateReadBytes, this.compressed.size - at);
      // A copy of its own: the bytes of a source may lie in memory that is shared.
      yield new Uint8Array(await this.compressed.read(at, length));
    }
  }
}
