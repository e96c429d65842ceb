import type { ByteSource } from "../../bytes/byteSource";
import { readU64 } from "../../bytes/littleEndian";
import { CheckpointError } from "../../problem/checkpointError";
import { maxSafetensorsHeaderBytes } from "../../problem/limits";
import type { Tensor } from "../../tensors/tensor";
import { formatBytes, formatCount } from "../../text/quantities";
import type { Format, ParsedFile } from "../format";
import { type Header, parseHeader } from "./header";
import { checkLayout } from "./layout";

const lengthFieldBytes = 8;

/** https://github.com/huggingface/safetensors: `u64 header length | JSON header | tensor data`. */
export const safetensors: Format = {
  id: "safetensors",
  extensions: [".safetensors"],
  matches,
  parse,
};

/** A length that a reader would accept, followed by an object. JSON white space may lead. */
function matches(head: Uint8Array): boolean {
  if (head.length <= lengthFieldBytes || readU64(head, 0) > BigInt(maxSafetensorsHeaderBytes)) return false;
  let at = lengthFieldBytes;
  while (at < head.length && isJsonSpace(head[at])) at++;
  return head[at] === 0x7b;
}

function isJsonSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

async function parse(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  const headerBytes = await readHeader(source, head, signal);
  const header = parseHeader(headerBytes);
  const dataStart = lengthFieldBytes + headerBytes.length;
  const entries = checkLayout(header, dataStart, source.size);
  const tensors = entries.map((entry): Tensor => {
    const { name, dtype, shape, begin, end } = entry;
    return {
      name,
      dtype,
      shape,
      byteSize: Math.max(0, end - begin),
      offset: dataStart + begin,
      fileIndex: 0,
    };
  });
  return {
    tensors,
    metadata: header.metadata,
    aliases: findAliases(header),
    problems: header.problems.toArray(),
  };
}

/** In at most one read beyond `head`. Nothing is allocated before the length was held against the file's size. */
async function readHeader(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
  if (source.size < lengthFieldBytes) throw new CheckpointError("HeaderTooSmall", describeTiny(head), 0);
  const length = readU64(head, 0);
  if (length > BigInt(maxSafetensorsHeaderBytes)) {
    const message =
      `The file says that its header has ${formatCount(Number(length))} bytes; the limit of the format is 100 MB. ` +
      "Either the file is damaged or it is not a safetensors file.";
    throw new CheckpointError("HeaderTooLarge", message, 0);
  }
  const end = lengthFieldBytes + Number(length);
  if (end > source.size) {
    const message =
      `The header should end at byte ${formatCount(end)}, but the file has only ${formatBytes(source.size)}. ` +
      "The save or the download did not finish, or it is not a safetensors file.";
    throw new CheckpointError("InvalidHeaderLength", message, 0);
  }
  if (end <= head.length) return head.subarray(lengthFieldBytes, end);
  const header = new Uint8Array(Number(length));
  header.set(head.subarray(lengthFieldBytes));
  header.set(await source.read(head.length, end - head.length, signal), head.length - lengthFieldBytes);
  return header;
}

function describeTiny(head: Uint8Array): string {
  const size = formatBytes(head.length);
  const blank = head.every(isJsonSpace);
  const fact =
    head.length === 0
      ? "The file is empty (0 bytes)"
      : `The file has only ${size}${blank ? " of white space" : ""}`;
  return `${fact}; a safetensors file has at least 8. The save or the download was interrupted: use an earlier checkpoint.`;
}

/**
 * `safetensors.torch.save_model` and huggingface_hub store tensors that share memory once, and note the
 * names they dropped in the metadata, as `dropped name: kept name`.
 */
function findAliases(header: Header): ReadonlyMap<string, string> {
  const { entries, metadata } = header;
  return new Map([...metadata].filter(([alias, kept]) => entries.has(kept) && !entries.has(alias)));
}
