import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { damagedHdf5, Hdf5Fields, Hdf5File } from "./hdf5File";

const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
const superblockBytes = 128;
/** A user block before the superblock has 512 bytes or a power of two beyond (File Format Specification II). */
const firstUserBlock = 512;
const lastUserBlock = 2 ** 24;

export interface Superblock {
  readonly file: Hdf5File;
  readonly version: number;
  /** Address of the root group's object header. */
  readonly root: number;
  /** Where the file ends by its own word. */
  readonly end: number;
}

function isHdf5(head: Uint8Array, at = 0): boolean {
  return signature.every((byte, index) => head[at + index] === byte);
}

/** Where the superblock stands in the first bytes of a file; undefined for what is no HDF5 file, as far as they show. */
export function superblockIn(head: Uint8Array): number | undefined {
  if (isHdf5(head)) return 0;
  for (let at = firstUserBlock; at < head.length; at *= 2) if (isHdf5(head, at)) return at;
  return undefined;
}

/** @throws CheckpointError where there is none, or it is cut or of a version that is not known. */
export async function readSuperblock(source: ByteSource, signal?: AbortSignal): Promise<Superblock> {
  const base = await findSuperblock(source, signal);
  const length = Math.min(superblockBytes, source.size - base);
  const bytes = await source.read(base, length, signal);
  const version = bytes[8] ?? 0;
  if (version > 3) {
    const message = `The file is HDF5 with a superblock of version ${version}; versions 0 to 3 are known.`;
    throw new CheckpointError("UnknownVersion", message, base + 8);
  }
  const widthsAt = version < 2 ? 13 : 9;
  const widths = { offsetBytes: bytes[widthsAt] ?? 0, lengthBytes: bytes[widthsAt + 1] ?? 0 };
  if (![2, 4, 8].includes(widths.offsetBytes) || ![2, 4, 8].includes(widths.lengthBytes))
    throw damagedHdf5(base + widthsAt, "the superblock gives no width of addresses that exists");
  const fields = new Hdf5Fields(bytes, base, widths);
  const file = new Hdf5File(source, widths, base, signal);
  if (version < 2) {
    // Version 1 adds the rank of B-trees of chunks and two reserved bytes.
    fields.skip(version === 0 ? 24 : 28);
    const [, , end] = [fields.address(), fields.address(), fields.address()];
    fields.address();
    // The root group's entry of a symbol table: the offset of its name comes first.
    fields.address();
    return { file, version, root: fields.address() ?? fields.fail("no root group is named"), end: end ?? 0 };
  }
  fields.skip(12);
  fields.address();
  fields.address();
  const end = fields.address() ?? 0;
  return { file, version, root: fields.address() ?? fields.fail("no root group is named"), end };
}

async function findSuperblock(source: ByteSource, signal?: AbortSignal): Promise<number> {
  for (let at = 0; at + signature.length <= source.size && at <= lastUserBlock; ) {
    if (isHdf5(await source.read(at, signature.length, signal))) return at;
    at = at === 0 ? firstUserBlock : at * 2;
  }
  throw new CheckpointError("NoSuperblock", "The file has no superblock of HDF5. It is damaged.", 0);
}
