import { CheckpointError } from "../problem/checkpointError";
import { maxListedProblems, maxZipDirectoryBytes } from "../problem/limits";
import type { Problem } from "../problem/problem";
import { ProblemList } from "../problem/problemList";
import { NumberedMap } from "../text/numberedMap";
import { formatBytes } from "../text/quantities";
import { quote } from "../text/quote";
import type { ByteSource } from "./byteSource";
import { findEnd, type OneEnd, Tail, zipTailBytes } from "./zipEnd";

/**
 * The directory of a zip archive (PKWARE APPNOTE 6.3.10). Our own reader, because core takes no packages, and
 * because a checkpoint needs what general readers refuse: wrong CRCs, wrong flags, a directory that disagrees
 * with the local headers. It reads the end of the file and the directory, never a member.
 */
export interface ZipDirectory {
  /** In the order of the directory; names may occur twice. */
  readonly entries: readonly ZipEntry[];
  /** Of two members of one name the last, as Python takes it. */
  readonly byName: MemberNames;
  /** Bytes before the archive, by which all its offsets are shifted. */
  readonly prefixBytes: number;
  /** Members of further directories that the end records name as well: readers differ in which record they go by. */
  readonly hidden: readonly ZipEntry[];
  readonly problems: readonly Problem[];
}

export interface ZipEntry {
  readonly name: string;
  /** 0 is stored, 8 is deflated. */
  readonly method: number;
  readonly compressedSize: number;
  readonly size: number;
  /** From the start of the file. The data begins behind this header, whose length only the header itself tells. */
  readonly localHeaderOffset: number;
  readonly encrypted: boolean;
  /** CRC-32 of the data once unpacked; 0 where the writer did not take it (torch's `compute_crc32`). */
  readonly checksum: number;
}

const entrySignature = 0x02014b50;
const entryBytes = 46;

/** Of a further directory, of which no more is wanted than the pickles that it may name. */
const maxOtherDirectoryBytes = 1_000_000;

/**
 * @param tailBytes what is read at first; where the end record is not in it, as much as a comment may take.
 * @throws CheckpointError `NoZipDirectory` where there is none: a save that was interrupted writes it last.
 */
export async function readZipDirectory(
  source: ByteSource,
  signal?: AbortSignal,
  tailBytes = zipTailBytes,
): Promise<ZipDirectory> {
  const tailStart = Math.max(0, source.size - tailBytes);
  const tail = new Tail(await source.read(tailStart, source.size - tailStart, signal), tailStart);
  const end = findEnd(tail);
  if (end === undefined) {
    if (tailBytes < zipTailBytes && tailStart > 0) return readZipDirectory(source, signal);
    return fail(source.size);
  }
  const { size, prefixBytes } = end;
  if (size > maxZipDirectoryBytes) {
    const message = `The archive's directory has ${formatBytes(size)}; up to ${formatBytes(maxZipDirectoryBytes)} are read.`;
    throw new CheckpointError("ZipDirectoryTooLarge", message, end.position);
  }
  const start = end.offset + prefixBytes;
  const bytes = start >= tailStart ? tail.slice(start, size) : await source.read(start, size, signal);
  const directory = new DirectoryParser(bytes, end, source.size).parse();
  const hidden: ZipEntry[] = [];
  const problems = [...directory.problems];
  for (const other of end.others) {
    const found = await readOther(source, other, signal);
    if (found.length === 0) continue;
    hidden.push(...found);
    problems.push({
      severity: "warning",
      code: "TwoDirectories",
      message: `The archive's end records name two directories. Readers differ in which one they take; the one that stands before the end is shown, and ${found.length} members of the other are looked into.`,
      offset: other.offset + other.prefixBytes,
    });
  }
  return { ...directory, hidden, problems };
}

/** Members of a directory that the records name as well; none where no directory stands there. */
async function readOther(
  source: ByteSource,
  end: OneEnd,
  signal?: AbortSignal,
): Promise<readonly ZipEntry[]> {
  const start = end.offset + end.prefixBytes;
  const length = Math.min(end.size, maxOtherDirectoryBytes, source.size - start);
  if (length < entryBytes) return [];
  const bytes = await source.read(start, length, signal);
  return new DirectoryParser(bytes, end, source.size).entries();
}

function fail(size: number): never {
  const message =
    "The archive has no directory (torch says: failed finding central directory). It is written last: " +
    "the save or the download was interrupted. Use an earlier checkpoint.";
  throw new CheckpointError("NoZipDirectory", message, size);
}

class DirectoryParser {
  private readonly view: DataView;
  private readonly problems = new ProblemList(maxListedProblems);
  private readonly start: number;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly end: OneEnd,
    private readonly fileSize: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.start = end.offset + end.prefixBytes;
  }

  /** The bytes of the directory decide how many entries there are; the count is only held against it. */
  parse(): Omit<ZipDirectory, "hidden"> {
    const { entries, at } = this.readEntries();
    // The count has 16 bits where the archive is not zip64.
    if (at !== this.bytes.length || entries.length % 65_536 !== this.end.count % 65_536) {
      const message = `The archive's directory should list ${this.end.count} members, but ${entries.length} can be read.`;
      const offset = this.start + at;
      this.problems.add({ severity: "error", code: "DamagedZipDirectory", message, offset });
    }
    this.reportOverlaps(entries);
    const byName = this.indexByName(entries);
    const { prefixBytes } = this.end;
    return { entries, byName, prefixBytes, problems: this.problems.toArray() };
  }

  entries(): readonly ZipEntry[] {
    return this.readEntries().entries;
  }

  private readEntries(): { readonly entries: readonly ZipEntry[]; readonly at: number } {
    const entries: ZipEntry[] = [];
    let at = 0;
    while (at + entryBytes <= this.bytes.length && this.view.getUint32(at, true) === entrySignature) {
      const length = this.entryLength(at);
      if (at + length > this.bytes.length) break;
      entries.push(this.readEntry(at));
      at += length;
    }
    return { entries, at };
  }

  private entryLength(at: number): number {
    const { view } = this;
    const extra = view.getUint16(at + 30, true);
    return entryBytes + view.getUint16(at + 28, true) + extra + view.getUint16(at + 32, true);
  }

  private readEntry(at: number): ZipEntry {
    const { view } = this;
    const flags = view.getUint16(at + 8, true);
    const nameLength = view.getUint16(at + 28, true);
    const sizes = this.readSizes(at, at + entryBytes + nameLength);
    return {
      name: decodeName(this.bytes.subarray(at + entryBytes, at + entryBytes + nameLength)),
      method: view.getUint16(at + 10, true),
      compressedSize: sizes.compressedSize,
      size: sizes.size,
      localHeaderOffset: sizes.localHeaderOffset + this.end.prefixBytes,
      encrypted: (flags & 1) !== 0,
      checksum: view.getUint32(at + 16, true),
    };
  }

  /** A size of 0xFFFFFFFF stands in the zip64 field instead, which holds only those that do, in this order. */
  private readSizes(at: number, extraStart: number) {
    const { view } = this;
    const size = view.getUint32(at + 24, true);
    const compressedSize = view.getUint32(at + 20, true);
    const localHeaderOffset = view.getUint32(at + 42, true);
    const values = { size, compressedSize, localHeaderOffset };
    if (size !== 0xffff_ffff && compressedSize !== 0xffff_ffff && localHeaderOffset !== 0xffff_ffff)
      return values;
    let field = this.findZip64Field(extraStart, view.getUint16(at + 30, true));
    for (const name of ["size", "compressedSize", "localHeaderOffset"] as const) {
      if (values[name] !== 0xffff_ffff || field === undefined || field.start + 8 > field.end) continue;
      values[name] = Number(view.getBigUint64(field.start, true));
      field = { start: field.start + 8, end: field.end };
    }
    return values;
  }

  private findZip64Field(start: number, length: number): { start: number; end: number } | undefined {
    const end = start + length;
    for (let at = start; at + 4 <= end; ) {
      const fieldEnd = at + 4 + this.view.getUint16(at + 2, true);
      if (this.view.getUint16(at, true) === 1) return { start: at + 4, end: Math.min(fieldEnd, end) };
      at = fieldEnd;
    }
    return undefined;
  }

  /** Members that share bytes make a small file unpack to anything, or show one thing to a scanner and another to torch. */
  private reportOverlaps(entries: readonly ZipEntry[]): void {
    // Writers list members in the order of their bytes, and a large model has a hundred thousand.
    const inOrder = isInOrder(entries);
    const sorted = inOrder ? entries : [...entries].sort((a, b) => a.localHeaderOffset - b.localHeaderOffset);
    let end = 0;
    let before: ZipEntry | undefined;
    for (let at = 0; at < sorted.length; at++) {
      const entry = sorted[at] as ZipEntry;
      const { localHeaderOffset, compressedSize, name } = entry;
      if (before !== undefined && localHeaderOffset < end) {
        const other = before.name;
        this.problems.addLazily("OverlappingMembers", () => {
          const message = `Member ${quote(name)} of the archive overlaps ${quote(other)}.`;
          return {
            severity: "warning",
            code: "OverlappingMembers",
            message,
            offset: localHeaderOffset,
          };
        });
      }
      const dataEnd = localHeaderOffset + 30 + compressedSize;
      if (dataEnd > this.fileSize) this.reportCut(entry, dataEnd);
      if (dataEnd > end) {
        end = dataEnd;
        before = entry;
      }
    }
  }

  private reportCut({ name, localHeaderOffset }: ZipEntry, dataEnd: number): void {
    this.problems.addLazily("MemberBeyondEnd", () => {
      const missing = formatBytes(dataEnd - this.fileSize);
      const message = `Member ${quote(name)} of the archive ends ${missing} beyond the end of the file.`;
      return { severity: "error", code: "MemberBeyondEnd", message, offset: localHeaderOffset };
    });
  }

  private indexByName(entries: readonly ZipEntry[]): MemberNames {
    const byName = new MemberNames(entries);
    for (let at = 0; at < entries.length; at++) {
      const entry = entries[at] as ZipEntry;
      const { name } = entry;
      if (byName.has(name)) {
        this.problems.addLazily("DuplicateMember", () => ({
          severity: "warning",
          code: "DuplicateMember",
          message: `The archive holds ${quote(name)} twice. Readers differ in which one they take.`,
        }));
      }
      byName.set(name, entry);
    }
    return byName;
  }
}

function isInOrder(entries: readonly ZipEntry[]): boolean {
  let last = -1;
  for (let at = 0; at < entries.length; at++) {
    const { localHeaderOffset } = entries[at] as ZipEntry;
    if (localHeaderOffset < last) return false;
    last = localHeaderOffset;
  }
  return true;
}

/** Members by their names. */
export class MemberNames extends NumberedMap<ZipEntry> {
  constructor(private readonly entries: readonly ZipEntry[]) {
    super(entries.length, folderOfNumbers(entries));
  }

  /** Each once, the last of its name, in the order of the first ones. */
  values(): IterableIterator<ZipEntry> {
    return new Map(this.entries.map((entry) => [entry.name, entry])).values();
  }
}

/** What stands before the number of most members of a torch file, told by the one in the middle. */
function folderOfNumbers(entries: readonly ZipEntry[]): string {
  const name = entries[entries.length >> 1]?.name ?? "";
  return name.slice(0, name.lastIndexOf("/") + 1);
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

/** UTF-8, as the flag of every writer of checkpoints says; what is not UTF-8 is shown byte by byte. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return String.fromCharCode(...bytes);
  }
}
