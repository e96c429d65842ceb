import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { maxListedProblems, maxTarMembers } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import { formatBytes, formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";

/** A file in a tar archive: its bytes stand in the archive as they are. */
export interface TarMember {
  /** As the archive spells it, without `./` in front. */
  readonly name: string;
  /** First byte of its content. */
  readonly offset: number;
  readonly size: number;
}

export interface TarDirectory {
  /** Plain files alone, in the order of the archive. */
  readonly members: readonly TarMember[];
  /** Links and devices, which lead out of the archive or to nothing: they are named and not followed. */
  readonly others: readonly string[];
  readonly problems: readonly Problem[];
}

const blockBytes = 512;
const magicAt = 257;
/** Long names and pax records; a path of 64 kB is no path. */
const maxRecordBytes = 64 * 1024;

/** Recognises an archive by the checksum and magic of its first header (POSIX.1-1988, `ustar`; GNU has a space behind). */
export function isTar(head: Uint8Array): boolean {
  return head.length >= blockBytes && ascii(head, magicAt, 5) === "ustar" && hasChecksum(head);
}

/**
 * Walks the headers of a tar archive and skips the contents, so that an archive of gigabytes takes one small read a
 * member. What is cut or damaged is a problem, and the members before it are given.
 * @throws CheckpointError where the archive has more members than any checkpoint.
 */
export async function readTarDirectory(source: ByteSource, signal?: AbortSignal): Promise<TarDirectory> {
  const members: TarMember[] = [];
  const others: string[] = [];
  const problems = new ProblemList(maxListedProblems);
  let overrides: ReadonlyMap<string, string> = new Map();
  let at = 0;
  while (at + blockBytes <= source.size) {
    const block = await source.read(at, blockBytes, signal);
    if (block.every((byte) => byte === 0)) return { members, others, problems: problems.toArray() };
    const header = readHeader(block, overrides);
    if (header === undefined) {
      problems.add(
        problem("DamagedTar", "Here should stand the header of a member. The archive is damaged.", at),
      );
      return { members, others, problems: problems.toArray() };
    }
    const { name, size, type } = header;
    const offset = at + blockBytes;
    const there = Math.max(0, source.size - offset);
    if (size > there) {
      const message = `Member ${quote(name)} should have ${formatBytes(size)}, of which ${formatBytes(there)} are there. The archive is cut.`;
      problems.add(problem("TarMemberCut", message, at));
    }
    if (type === "L" || type === "x" || type === "g") {
      if (size > maxRecordBytes || size > there) {
        const message = `A record of names with ${formatBytes(size)} is not read.`;
        problems.add(problem("DamagedTar", message, at));
        return { members, others, problems: problems.toArray() };
      }
      const record = await source.read(offset, size, signal);
      if (type !== "g") overrides = new Map([...overrides, ...recordsOf(record, type)]);
    } else {
      overrides = new Map();
      if (type === "0" || type === "\0" || type === "7") members.push({ name, offset, size });
      else if (type !== "5") others.push(name);
    }
    if (members.length + others.length > maxTarMembers) {
      const message = `The archive has more than ${formatCount(maxTarMembers)} members.`;
      throw new CheckpointError("TooManyMembers", message, at);
    }
    at = offset + Math.ceil(size / blockBytes) * blockBytes;
  }
  // Two blocks of zeros end an archive. Everything reads one without them, and takes it for whole.
  if (problems.toArray().length === 0) {
    const message =
      "The archive ends without its end mark, which every usual writer leaves: it may be cut behind its last member, and more may be missing.";
    problems.add({ ...problem("TarWithoutEnd", message, at), severity: "warning" });
  }
  return { members, others, problems: problems.toArray() };
}

function readHeader(block: Uint8Array, overrides: ReadonlyMap<string, string>) {
  if (!hasChecksum(block)) return undefined;
  const isPosix = ascii(block, magicAt, 6) === "ustar\0";
  const prefix = isPosix ? text(block, 345, 155) : "";
  const short = text(block, 0, 100);
  const name = overrides.get("path") ?? (prefix === "" ? short : `${prefix}/${short}`);
  const size = overrides.has("size") ? Number(overrides.get("size")) : numberField(block, 124, 12);
  if (size === undefined || !Number.isSafeInteger(size) || size < 0) return undefined;
  const type = String.fromCharCode(block[156] as number);
  // Links have a size in some archives, and no content in any.
  return { name: name.replace(/^(?:\.\/)+/, ""), size: "12345".includes(type) ? 0 : size, type };
}

/** Octal digits, or a number of base 256 where the first bit is set (GNU, for sizes from 8 GiB). */
function numberField(block: Uint8Array, at: number, length: number): number | undefined {
  const first = block[at] as number;
  if (first >= 0x80) {
    let value = first & 0x7f;
    for (let index = 1; index < length; index++) value = value * 256 + (block[at + index] as number);
    return value;
  }
  const digits = text(block, at, length).trim();
  return digits === "" ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

/** The sum of all bytes of the header, its own field taken as spaces; old writers summed signed bytes. */
function hasChecksum(block: Uint8Array): boolean {
  const wanted = numberField(block, 148, 8);
  let [unsigned, signed] = [0, 0];
  for (let at = 0; at < blockBytes; at++) {
    const byte = at >= 148 && at < 156 ? 0x20 : (block[at] as number);
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 256;
  }
  return wanted === unsigned || wanted === signed;
}

/** A GNU long name is the name; a pax record is `length key=value\n`, its length in decimal and of the whole line. */
function recordsOf(record: Uint8Array, type: string): [string, string][] {
  if (type === "L") return [["path", text(record, 0, record.length)]];
  const found: [string, string][] = [];
  for (let at = 0; at < record.length; ) {
    const space = record.indexOf(0x20, at);
    const length = Number(ascii(record, at, Math.max(0, space - at)));
    if (space < 0 || !Number.isSafeInteger(length) || length <= space - at) break;
    const line = decode(record.subarray(space + 1, at + length - 1));
    const equals = line.indexOf("=");
    if (equals > 0) found.push([line.slice(0, equals), line.slice(equals + 1)]);
    at += length;
  }
  return found;
}

function text(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return decode(end < 0 ? field : field.subarray(0, end));
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function ascii(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

function problem(code: string, message: string, offset: number): Problem {
  return { severity: "error", code, message, offset };
}
