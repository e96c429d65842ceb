import { RangeByteSource } from "../../bytes/byteRange";
import {
  FileRegion,
  otherLocalName,
  readMemberStart,
  SubRegion,
  ZipEntryRegion,
} from "../../bytes/byteRegion";
import { type ByteSource, MemoryByteSource } from "../../bytes/byteSource";
import { inflateSome } from "../../bytes/inflate";
import { takeTurns } from "../../bytes/takeTurns";
import type { ZipEntry } from "../../bytes/zipDirectory";
import { CheckpointError } from "../../problem/checkpointError";
import {
  maxFollowingPickles,
  maxListedProblems,
  maxNestedPickleBytes,
  maxNestedPickleDepth,
  maxNestedPickles,
  maxScannedMemberBytes,
  maxScannedMembers,
  maxSmallMemberBytes,
} from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import { latin1Bytes } from "../../text/latin1";
import { quote } from "../../text/quote";
import { BytesValue, type ContentValue, LongTextValue } from "../contentValue";
import type { ImportFinding } from "../importFinding";
import type { FoundValues } from "../pickle/foundValues";
import { judgeImports } from "../pickle/importReport";
import { PickleBudget } from "../pickle/pickleBudget";
import { encodedText } from "../pickle/pickleBytes";
import { argsOf } from "../pickle/pickleObjectView";
import { PyObject } from "../pickle/pickleValue";
import type { Unpickled } from "../pickle/unpickle";
import { isTar, readTarDirectory, type TarMember } from "../tar/tarDirectory";
import { unpickleWithArrays } from "../torch/joblibArrays";
import { Latin1TextRegion } from "../torch/textRegion";
import { openArchive, type TorchArchive } from "../torch/torchArchive";
import { type Compression, canUnpack, containerKind } from "./containerKind";
import { loadFromBytes, unseenBytes } from "./unseenBytes";

/** What is looked into, as a report calls it, and how many others it lies in. */
export interface Place {
  readonly where: string | undefined;
  readonly depth: number;
}

/** Opens the bytes of a pickle's stream, where they are needed. */
export type OpenStream = () => Promise<ByteSource>;

/** After so many pickles others may go on. */
const picklesInTurn = 50;

const insidePickle = "a pickle inside the pickle";
const namedPickle = /\.(?:pkl|pickle|joblib)$/i;

/**
 * A look at all that Python might unpickle of a file, besides the value that is shown: other members of its archive,
 * pickles in a row, in bytes, in archives, compressed. One look goes through one file, so that all of it together stays
 * within the file's budget; what was left out is said.
 */
export class Look {
  readonly imports: ImportFinding[] = [];
  /** Pickles that were found. */
  pickles = 0;
  private readonly budget: PickleBudget;
  private readonly problems = new ProblemList(maxListedProblems);
  private started = 0;
  private bytes = 0;
  private left = 0;

  constructor(
    fileBytes: number,
    private readonly signal?: AbortSignal,
  ) {
    this.budget = new PickleBudget(fileBytes);
  }

  get foundProblems(): readonly Problem[] {
    const problems = this.problems.toArray();
    return this.left === 0 ? problems : [...problems, limitReached(this.left)];
  }

  /** Members of an archive. What cannot be read is told, and the others are still looked into. */
  async intoMembers(archive: TorchArchive, entries: readonly ZipEntry[], place: Place): Promise<void> {
    for (const [at, entry] of entries.slice(0, maxScannedMembers).entries()) {
      this.signal?.throwIfAborted();
      if (at % picklesInTurn === 0) await takeTurns();
      const where = place.where === undefined ? entry.name : `${entry.name} in ${place.where}`;
      await this.orTell(where, entry.localHeaderOffset, () =>
        this.intoMember(archive, entry, { where, depth: place.depth }),
      );
    }
    this.tellSkipped(entries.length - maxScannedMembers);
  }

  private tellSkipped(skipped: number): void {
    if (skipped <= 0) return;
    const message = `${skipped} more members of the archive were not looked into. They can hold pickles.`;
    this.problems.add({ severity: "warning", code: "UnscannedMembers", message });
  }

  /** All members: in an archive that torch did not write, what is a pickle may be called anything. */
  async intoArchive(archive: TorchArchive, place: Place): Promise<void> {
    const { entries, hidden, problems } = archive.directory;
    for (const problem of problems) this.problems.add(problem);
    await this.intoMembers(archive, [...entries, ...hidden].filter(isFile), place);
  }

  /** Bytes of which only their first ones are known. */
  async intoBytes(source: ByteSource, head: Uint8Array, place: Place): Promise<void> {
    // A name may begin it that is a pickle as well.
    if (isTar(head)) await this.intoInnerTar(source, place);
    const container = containerKind(head);
    const isNamed = place.where !== undefined && namedPickle.test(place.where);
    if (container?.kind === "pickle" || (container === undefined && isNamed)) {
      await this.intoPickles(source, container?.start ?? 0, place);
    } else if (container?.kind === "zip") await this.intoZip(source, head, place);
    else if (container?.kind === "compressed") {
      await this.intoCompressed(source, container.by, container.start, place);
    }
  }

  /** Bytes that were kept as text, and that a program decodes before it unpickles them. */
  async intoEncoded(bytes: Uint8Array, where: string): Promise<void> {
    await this.intoPayload(new MemoryByteSource(bytes), bytes, { where, depth: 1 });
  }

  /** Members of a tar archive but for those that `isShown`. */
  async intoTar(
    source: ByteSource,
    members: readonly TarMember[],
    isShown: (name: string) => boolean = () => false,
    { where, depth }: Place = { where: undefined, depth: 0 },
  ): Promise<void> {
    for (const { name, offset, size } of members.slice(0, maxScannedMembers)) {
      if (isShown(name)) continue;
      const there = Math.max(0, Math.min(size, source.size - offset));
      const member = new RangeByteSource(source, Math.min(offset, source.size), there);
      await this.intoSource(member, where === undefined ? name : `${name} in ${where}`, depth);
    }
    this.tellSkipped(members.length - maxScannedMembers);
  }

  private async intoInnerTar(source: ByteSource, { where, depth }: Place): Promise<void> {
    const place = { where, depth: depth + 1 };
    if (!this.admit(0, place)) this.left++;
    else
      await this.intoTar(source, (await readTarDirectory(source, this.signal)).members, () => false, place);
  }

  /** Bytes of any kind; what cannot be read of them is told. */
  async intoSource(source: ByteSource, where: string | undefined, depth = 0): Promise<void> {
    await this.orTell(where ?? "The file", undefined, async () => {
      const head = await source.read(0, Math.min(source.size, maxSmallMemberBytes), this.signal);
      await this.intoBytes(source, head, { where, depth });
    });
  }

  /** Pickles that follow each other, until something else does. Gives where they end. */
  async intoPickles(source: ByteSource, start: number, place: Place): Promise<number> {
    let position = start;
    for (let count = 0; position < source.size; count++) {
      if (count >= maxFollowingPickles || !this.admit(0, place)) {
        this.left++;
        break;
      }
      if (this.started % picklesInTurn === 0) await takeTurns();
      const { signal, budget } = this;
      const read = await unpickleWithArrays(source, { start: position, signal, budget });
      // What fails without an import may be no pickle at all, but bytes that begin like one.
      if (read.failure !== undefined && read.imports.length === 0) {
        if (read.failure.code === "PickleLimit") this.left++;
        break;
      }
      this.note(read, place);
      await this.intoFound(read.found, async () => source, place);
      position = read.end;
      if (read.failure !== undefined) break;
    }
    return position;
  }

  /** What a pickle holds as bytes, but for `seen`; `stream` has those that stayed in the file. */
  async intoFound(
    found: FoundValues,
    stream: OpenStream,
    place: Place,
    seen: ReadonlySet<ContentValue> = new Set(),
  ): Promise<void> {
    const inner = { where: innerPlace(place.where), depth: place.depth + 1 };
    for (const value of [...found.payloads, ...found.byteCalls]) {
      if (seen.has(value)) continue;
      if (value instanceof PyObject && value.qualifiedName === loadFromBytes) this.noteLoad(value, place);
      const bytes = payloadBytes(value);
      if (bytes === undefined || containerKind(bytes) === undefined) continue;
      await this.intoPayload(new MemoryByteSource(bytes), bytes, inner);
    }
    for (const value of found.longPayloads) {
      if (!seen.has(value)) await this.intoLong(value, await stream(), inner);
    }
    for (const call of found.byteCalls) {
      const text = encodedText(call);
      if (!(text instanceof LongTextValue)) continue;
      const whole = await stream();
      const part = new SubRegion(new FileRegion(0, whole.size), text.offset, text.length);
      const decoded = await new Latin1TextRegion(part).open(whole, this.signal);
      const head = await decoded.read(0, Math.min(decoded.size, maxSmallMemberBytes));
      if (containerKind(head) !== undefined) await this.intoPayload(decoded, head, inner);
    }
  }

  /** A pickle of the file that is told of together with these. */
  note({ imports, problems }: Unpickled, { where }: Place): void {
    this.pickles++;
    for (const finding of judgeImports(imports, where)) this.imports.push(finding);
    for (const problem of problems) this.problems.add(problem);
  }

  /** What torch would unpickle is among the bytes that are looked into, or cannot be told. */
  private noteLoad(call: PyObject, { where }: Place): void {
    const [payload] = argsOf(call);
    const isLong = payload instanceof BytesValue && payload.bytes === undefined;
    const bytes = payload === undefined ? undefined : payloadBytes(payload);
    if (isLong || (bytes !== undefined && containerKind(bytes) !== undefined)) return;
    this.imports.push(unseenBytes(where));
  }

  private async intoLong({ offset, length }: BytesValue, stream: ByteSource, place: Place): Promise<void> {
    const part = new RangeByteSource(stream, offset, Math.min(length, stream.size - offset));
    const head = await part.read(0, Math.min(part.size, maxSmallMemberBytes), this.signal);
    if (containerKind(head) !== undefined) await this.intoPayload(part, head, place);
  }

  private async intoPayload(source: ByteSource, head: Uint8Array, place: Place): Promise<void> {
    if (!this.admit(source.size, place)) this.left++;
    else await this.orTell(place.where ?? "", undefined, () => this.intoBytes(source, head, place));
  }

  /** A member whose own header calls it otherwise is another one to programs that read an archive front to back. */
  async compareNames({ source }: TorchArchive, entry: ZipEntry): Promise<void> {
    const local = await otherLocalName(source, entry, this.signal);
    if (local === undefined) return;
    this.problems.addLazily("OtherLocalName", () => ({
      severity: "warning",
      code: "OtherLocalName",
      message: `Member ${quote(entry.name)} of the archive is called ${quote(local)} in its own header. torch and Python go by the directory, other programs do not.`,
      offset: entry.localHeaderOffset,
    }));
  }

  private async intoMember(archive: TorchArchive, entry: ZipEntry, place: Place): Promise<void> {
    const { source } = archive;
    await this.compareNames(archive, entry);
    const member = await new ZipEntryRegion(entry).open(source, this.signal);
    const length = Math.min(member.size, maxSmallMemberBytes);
    const head = await readMemberStart(source, entry, length, this.signal);
    const isEncrypted = entry.encrypted && containerKind(head) === undefined;
    if (isEncrypted) throw new CheckpointError("EncryptedMember", "it is encrypted.");
    if (entry.method !== 0 && entry.size > maxScannedMemberBytes && containerKind(head) !== undefined)
      throw new CheckpointError("MemberTooLarge", "it is compressed and too large.");
    await this.intoBytes(member, head, place);
  }

  private async intoZip(source: ByteSource, head: Uint8Array, { where, depth }: Place): Promise<void> {
    if (!this.admit(0, { where, depth: depth + 1 })) {
      this.left++;
      return;
    }
    const archive = await openArchive(source, head, undefined, this.signal);
    await this.intoArchive(archive, { where, depth: depth + 1 });
  }

  private async intoCompressed(
    source: ByteSource,
    by: Compression,
    start: number,
    { where, depth }: Place,
  ): Promise<void> {
    if (!canUnpack(by)) {
      this.tellUnseen(`${where ?? "The file"} is compressed by ${by}, into which nothing here can look.`);
      return;
    }
    const size = source.size - start;
    const place = { where, depth: depth + 1 };
    if (size > maxScannedMemberBytes || !this.admit(size, place)) {
      this.tellUnseen(`${where ?? "The file"} is compressed, and too large or too deep to be looked into.`);
      return;
    }
    const wrapping = by === "gzip" ? "gzip" : "deflate";
    const packed = await source.read(start, size, this.signal);
    const { bytes, failure } = await inflateSome(packed, wrapping, maxScannedMemberBytes);
    const before = this.pickles;
    await this.intoBytes(new MemoryByteSource(bytes), bytes.subarray(0, maxSmallMemberBytes), place);
    // Two bytes say zlib, which any numbers may begin with.
    if (failure === undefined || (by === "zlib" && this.pickles === before)) return;
    this.tellUnseen(`${where ?? "The file"} cannot be unpacked whole: ${failure.message}`);
  }

  /** Counts what is begun; false where the file has had its share. */
  private admit(bytes: number, { depth }: Place): boolean {
    if (depth > maxNestedPickleDepth || this.started >= maxNestedPickles || this.budget.opcodes <= 0) {
      return false;
    }
    if (this.bytes + bytes > maxNestedPickleBytes) return false;
    this.started++;
    this.bytes += bytes;
    return true;
  }

  private async orTell(where: string, offset: number | undefined, look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      if (!(error instanceof CheckpointError || error instanceof RangeError)) throw error;
      this.tellUnseen(`${where} cannot be looked into: ${error.message}`, offset);
    }
  }

  private tellUnseen(message: string, offset?: number): void {
    const at = offset === undefined ? {} : { offset };
    this.problems.add({ severity: "warning", code: "UnreadableMember", message, ...at });
  }
}

export function isFile({ name, size }: ZipEntry): boolean {
  return !name.endsWith("/") && size > 2;
}

function innerPlace(where: string | undefined): string {
  if (where === undefined) return insidePickle;
  return where.startsWith(insidePickle) ? where : `${insidePickle} of ${where}`;
}

function payloadBytes(value: ContentValue): Uint8Array | undefined {
  if (value instanceof BytesValue) return value.bytes;
  const text = encodedText(value);
  return typeof text === "string" ? latin1Bytes(text) : undefined;
}

function limitReached(left: number): Problem {
  const message =
    `${left} more pickles inside of pickles, archives or compressed bytes were not looked into: ` +
    `${maxNestedPickles} of them, ${maxNestedPickleDepth} levels, ${maxNestedPickleBytes} bytes in all and a number ` +
    "of opcodes that goes by the file's size are the limit. They can hold anything.";
  return { severity: "warning", code: "NestedPickleLimit", message };
}
