import { isNpy, objectArrayStart } from "../numpy/npyHeader";
import { isPickleHead } from "../pickle/isPickleHead";

/** How a whole file can be compressed. Only the first two can be unpacked with what every platform has. */
export type Compression = "gzip" | "zlib" | "bzip2" | "xz" | "LZMA" | "zstd" | "LZ4";

export function canUnpack(by: Compression): by is "gzip" | "zlib" {
  return by === "gzip" || by === "zlib";
}

/** In what shape bytes can hold pickles. */
export type ContainerKind =
  | { readonly kind: "zip" }
  | { readonly kind: "compressed"; readonly by: Compression; readonly start: number }
  | { readonly kind: "pickle"; readonly start: number };

/** By the first bytes; undefined for all that is not taken for any of these. */
export function containerKind(head: Uint8Array): ContainerKind | undefined {
  if (isZipHead(head)) return { kind: "zip" };
  const by = compressionOf(head);
  if (by !== undefined) return { kind: "compressed", ...by };
  if (isNpy(head)) {
    const start = objectArrayStart(head);
    return start === undefined ? undefined : { kind: "pickle", start };
  }
  return isPickleHead(head) ? { kind: "pickle", start: 0 } : undefined;
}

/** Of an archive with a member first, or of an empty one. */
function isZipHead(head: Uint8Array): boolean {
  return begins(head, "PK\x03\x04") || begins(head, "PK\x05\x06");
}

const magics: readonly (readonly [magic: string, by: Compression])[] = [
  ["\x1f\x8b\x08", "gzip"],
  ["BZh", "bzip2"],
  ["\xfd7zXZ\0", "xz"],
  ["]\0\0\x80\0", "LZMA"],
  // With smaller dictionaries, as joblib writes it.
  ...["\x04", "\x10", "\x20", "\x40"].map((size): [string, Compression] => [`]\0\0${size}\0`, "LZMA"]),
  ["]\0\0\0\x04", "LZMA"],
  ["\x28\xb5\x2f\xfd", "zstd"],
  ["\x04\x22\x4d\x18", "LZ4"],
];

/** joblib before 0.10 wrote these, the length in 19 characters, and then a stream of zlib. */
const oldJoblib = "ZF";
const oldJoblibHeader = /^ZF0x[0-9a-f]+L? *$/;
const oldJoblibBytes = 21;

export function compressionOf(head: Uint8Array): { by: Compression; start: number } | undefined {
  const known = magics.find(([magic]) => begins(head, magic));
  if (known?.[1] === "bzip2" && !isBlockOfBzip2(head)) return undefined;
  if (known !== undefined) return { by: known[1], start: 0 };
  if (isZlib(head, 0)) return { by: "zlib", start: 0 };
  if (!begins(head, oldJoblib) || !isZlib(head, oldJoblibBytes)) return undefined;
  const header = String.fromCharCode(...head.subarray(0, oldJoblibBytes));
  return oldJoblibHeader.test(header) ? { by: "zlib", start: oldJoblibBytes } : undefined;
}

/** A level, and the first block's magic: the digits of pi, or of its square root where there is none. */
function isBlockOfBzip2(head: Uint8Array): boolean {
  const level = head[3] ?? 0;
  const rest = head.subarray(4);
  return (
    level >= 0x31 && level <= 0x39 && (begins(rest, "1AY&SY") || begins(rest, "\x17\x72\x45\x38\x50\x90"))
  );
}

/** RFC 1950: deflate with a window of 32 kB and no dictionary, as every writer has it, and a checksum of both bytes. */
function isZlib(head: Uint8Array, at: number): boolean {
  const method = head[at] ?? 0;
  const flags = head[at + 1] ?? 0;
  return method === 0x78 && (flags & 0x20) === 0 && (256 * method + flags) % 31 === 0;
}

function begins(bytes: Uint8Array, magic: string): boolean {
  if (bytes.length < magic.length) return false;
  for (let at = 0; at < magic.length; at++) if (bytes[at] !== magic.charCodeAt(at)) return false;
  return true;
}
