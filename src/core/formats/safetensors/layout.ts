import { formatShape } from "../../tensors/tensor";
import { formatBytes, formatCount, plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import { safetensorsDtypes } from "./dtypes";
import type { Header, HeaderEntry } from "./header";

const maxU64 = 2n ** 64n - 1n;

/**
 * Holds the entries of a header against each other and against the file: offsets without holes and overlaps,
 * sizes that fit shape and dtype, an end that is the file's end. Follows the reference reader's checks; every
 * violation is reported, since a viewer can still show the rest.
 * @returns the entries in the order of their bytes.
 */
export function checkLayout(header: Header, dataStart: number, fileSize: number): readonly HeaderEntry[] {
  const entries = [...header.entries.values()].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  /** The entry that ends at `position`. */
  let furthest: HeaderEntry | undefined;
  for (const entry of entries) {
    checkOffsets(entry, position, furthest, header);
    checkSize(entry, header);
    if (entry.end >= entry.begin && (furthest === undefined || entry.end >= position)) {
      position = entry.end;
      furthest = entry;
    }
  }
  checkEnd(entries, position, dataStart, fileSize, header);
  return entries;
}

function checkOffsets(
  entry: HeaderEntry,
  position: number,
  furthest: HeaderEntry | undefined,
  header: Header,
): void {
  const { begin, end } = entry;
  if (end < begin) {
    report(header, entry, "InvalidOffset", () => `ends at ${end}, before it begins at ${begin}`);
  } else if (begin > position && header.complete) {
    report(header, entry, "InvalidOffset", () => {
      const hole = formatBytes(begin - position);
      return `begins at ${begin}, but the data before it ends at ${position}: a hole of ${hole}`;
    });
  } else if (begin < position) {
    report(header, entry, "InvalidOffset", () => {
      const other = furthest === undefined ? "another tensor" : quote(furthest.name);
      return `begins at ${begin} and overlaps ${other}, which ends at ${position}`;
    });
  }
}

function checkSize(entry: HeaderEntry, header: Header): void {
  const bits = safetensorsDtypes.get(entry.dtype);
  if (bits === undefined) {
    report(header, entry, "InvalidHeaderDeserialization", () => {
      const dtype = JSON.stringify(entry.dtype);
      return `has the dtype ${dtype}, which safetensors 0.8 does not define; only its bytes can be shown`;
    });
    return;
  }
  const needed = quickBitCount(entry, bits) ?? exactBitCount(entry, bits);
  const byteSize = entry.end - entry.begin;
  if (needed === byteSize * 8) return;
  if (needed === undefined) {
    report(header, entry, "ValidationOverflow", () => `needs more than 2^64 bits (${typeOf(entry)})`);
  } else if (BigInt(needed) % 8n !== 0n) {
    report(header, entry, "MisalignedSlice", () => {
      return `has ${formatCount(needed)} bits (${typeOf(entry)}), which is no whole number of bytes`;
    });
  } else if (byteSize >= 0 && BigInt(needed) !== BigInt(byteSize) * 8n) {
    report(header, entry, "TensorInvalidInfo", () => {
      const bytes = formatCount(BigInt(needed) / 8n);
      return `holds ${formatCount(byteSize)} bytes, but needs ${bytes} (${typeOf(entry)})`;
    });
  }
}

function typeOf({ dtype, shape }: HeaderEntry): string {
  return `${dtype}, ${formatShape(shape)}`;
}

/** What shape and dtype make, for the sizes that real tensors have; undefined beyond 2^53. */
function quickBitCount({ shape }: HeaderEntry, bits: number): number | undefined {
  let product = bits;
  for (const size of shape) {
    product *= size;
    if (product > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return product;
}

/** Undefined where the product passes 64 bits on the way, even if a 0 follows. */
function exactBitCount({ shape, exactShape }: HeaderEntry, bits: number): bigint | undefined {
  let product = 1n;
  for (const size of [...(exactShape ?? shape.map(BigInt)), BigInt(bits)]) {
    product *= size;
    if (product > maxU64) return undefined;
  }
  return product;
}

function checkEnd(
  entries: readonly HeaderEntry[],
  dataEnd: number,
  dataStart: number,
  fileSize: number,
  header: Header,
): void {
  const dataSize = fileSize - dataStart;
  const severity = "error" as const;
  const code = "MetadataIncompleteBuffer";
  if (dataEnd < dataSize && header.complete) {
    const extra = formatBytes(dataSize - dataEnd);
    const message = `${extra} follow the last tensor. The file was not written by one complete save.`;
    header.problems.add({ severity, code, message, offset: dataStart + dataEnd });
  }
  if (dataEnd <= dataSize) return;
  const whole = entries.filter((entry) => entry.end <= dataSize && entry.end >= entry.begin).length;
  const message =
    `The file is cut: ${formatBytes(dataSize)} of ${formatBytes(dataEnd)} of tensor data are there, ` +
    `${plural(dataEnd - dataSize, "byte is", "bytes are")} missing, ${formatCount(whole)} of ${formatCount(entries.length)} tensors are complete. ` +
    "The save or the download did not finish; copy it again or use an earlier checkpoint.";
  header.problems.add({ severity, code, message, offset: fileSize });
}

function report(header: Header, entry: HeaderEntry, code: string, fact: () => string): void {
  header.problems.addLazily(code, () => ({
    severity: "error",
    code,
    message: `Tensor ${quote(entry.name)} ${fact()}.`,
    offset: header.fileOffset(entry.textOffset),
    tensor: entry.name,
  }));
}
