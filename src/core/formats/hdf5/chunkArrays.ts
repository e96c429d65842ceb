import type { ChunkPlace } from "./chunkIndex";
import { damagedHdf5, type Hdf5Fields, type Hdf5File } from "./hdf5File";

/** An array of the places of chunks, read by blocks as they are asked for. */
export interface ChunkArray {
  /** Undefined for a chunk that was never written. */
  place(index: number): Promise<ChunkPlace | undefined>;
}

const checksumBytes = 4;
const maxBlockEntries = 2 ** 26;

/** How each entry lies: an address, and of filtered chunks their size and the filters that were left out. */
class Entries {
  constructor(
    readonly bytes: number,
    private readonly isFiltered: boolean,
    private readonly chunkBytes: number,
    private readonly offsetBytes: number,
  ) {}

  read(fields: Hdf5Fields): ChunkPlace | undefined {
    const address = fields.address();
    const size = this.isFiltered ? fields.unsigned(this.bytes - this.offsetBytes - 4) : this.chunkBytes;
    const mask = this.isFiltered ? fields.u32() : 0;
    return address === undefined ? undefined : { address, size, mask };
  }

  isSound(): boolean {
    const rest = this.bytes - this.offsetBytes;
    return this.isFiltered ? rest >= 5 && rest <= 12 : rest === 0;
  }
}

function entriesOf(file: Hdf5File, head: Hdf5Fields, chunkBytes: number): Entries {
  head.skip(1);
  const isFiltered = head.u8() === 1;
  const entries = new Entries(head.u8(), isFiltered, chunkBytes, file.widths.offsetBytes);
  if (!entries.isSound()) head.fail("an array of chunks has entries of an impossible size");
  return entries;
}

/** For datasets none of whose axes grows without an end (File Format Specification VII.C). */
export async function openFixedArray(
  file: Hdf5File,
  address: number,
  chunkBytes: number,
): Promise<ChunkArray> {
  const { offsetBytes, lengthBytes } = file.widths;
  const head = await file.fields(address, 8 + lengthBytes + offsetBytes);
  head.signature("FAHD");
  const entries = entriesOf(file, head, chunkBytes);
  const pageEntries = 2 ** head.u8();
  const count = head.length();
  const block = head.address();
  if (count > maxBlockEntries) head.fail("an array of more chunks than any dataset has stands");
  if (block === undefined) return { place: async () => undefined };
  const start = block + 6 + offsetBytes;
  if (count <= pageEntries) return { place: (index) => entryAt(file, entries, start, index, count) };
  const pages = Math.ceil(count / pageEntries);
  const bitmapBytes = Math.ceil(pages / 8);
  const bitmap = (await file.fields(start, bitmapBytes)).bytes;
  const pageBytes = pageEntries * entries.bytes + checksumBytes;
  const firstPage = start + bitmapBytes + checksumBytes;
  return {
    place: async (index) => {
      const page = Math.floor(index / pageEntries);
      if (!bitAt(bitmap, page)) return undefined;
      return entryAt(file, entries, firstPage + page * pageBytes, index % pageEntries, pageEntries);
    },
  };
}

async function entryAt(
  file: Hdf5File,
  entries: Entries,
  start: number,
  index: number,
  count: number,
): Promise<ChunkPlace | undefined> {
  if (index >= count) return undefined;
  return entries.read(await file.fields(start + index * entries.bytes, entries.bytes));
}

/** The first page has the highest bit. */
function bitAt(bitmap: Uint8Array, index: number): boolean {
  return (((bitmap[index >> 3] ?? 0) >> (7 - (index & 7))) & 1) === 1;
}

/** For datasets one of whose axes grows without an end (VII.D): blocks that double, behind an index block. */
export async function openExtensibleArray(
  file: Hdf5File,
  address: number,
  chunkBytes: number,
): Promise<ChunkArray> {
  const { offsetBytes, lengthBytes } = file.widths;
  const head = await file.fields(address, 12 + 6 * lengthBytes + offsetBytes);
  head.signature("EAHD");
  const entries = entriesOf(file, head, chunkBytes);
  const maxBits = head.u8();
  const indexEntries = head.u8();
  const minEntries = head.u8();
  const minPointers = head.u8();
  const pageBits = head.u8();
  head.skip(6 * lengthBytes);
  const block = head.address();
  const isPower = (value: number) => value >= 1 && Number.isInteger(Math.log2(value));
  if (maxBits > 64 || !isPower(minEntries) || !isPower(minPointers) || pageBits > 32)
    head.fail("an array of chunks has an impossible form");
  if (block === undefined) return { place: async () => undefined };
  return new ExtensibleArray(file, entries, block, {
    offsetWidth: Math.ceil(maxBits / 8),
    indexEntries,
    minEntries,
    minPointers,
    pageEntries: 2 ** pageBits,
  });
}

interface ExtensibleShape {
  /** Bytes of the offset that each block repeats. */
  readonly offsetWidth: number;
  readonly indexEntries: number;
  readonly minEntries: number;
  readonly minPointers: number;
  readonly pageEntries: number;
}

class ExtensibleArray implements ChunkArray {
  constructor(
    private readonly file: Hdf5File,
    private readonly entries: Entries,
    private readonly block: number,
    private readonly shape: ExtensibleShape,
  ) {}

  async place(index: number): Promise<ChunkPlace | undefined> {
    const { indexEntries, minEntries, minPointers } = this.shape;
    const { offsetBytes } = this.file.widths;
    const first = this.block + 6 + offsetBytes;
    if (index < indexEntries) return entryAt(this.file, this.entries, first, index, indexEntries);
    const rest = index - indexEntries;
    // Groups of blocks: 2^(n/2) of them, of 2^((n+1)/2) times the fewest entries each.
    const group = Math.floor(Math.log2(rest / minEntries + 1));
    const blocks = 2 ** Math.floor(group / 2);
    const blockEntries = 2 ** Math.floor((group + 1) / 2) * minEntries;
    const inGroup = rest - (2 ** group - 1) * minEntries;
    const blockAt = Math.floor(inGroup / blockEntries);
    const inBlock = inGroup % blockEntries;
    const pointers = first + indexEntries * this.entries.bytes;
    const directGroups = 2 * Math.log2(minPointers);
    if (group < directGroups) {
      const before = blocksBefore(group);
      const at = pointers + (before + blockAt) * offsetBytes;
      return this.inBlock(await this.pointer(at), inBlock, blockEntries, undefined);
    }
    const directBlocks = 2 * (minPointers - 1);
    const at = pointers + (directBlocks + group - directGroups) * offsetBytes;
    const secondary = await this.pointer(at);
    if (secondary === undefined) return undefined;
    return this.inSecondary(secondary, blocks, blockAt, inBlock, blockEntries);
  }

  private async inSecondary(
    address: number,
    blocks: number,
    blockAt: number,
    inBlock: number,
    blockEntries: number,
  ): Promise<ChunkPlace | undefined> {
    const { offsetWidth, pageEntries } = this.shape;
    const { offsetBytes } = this.file.widths;
    const head = await this.file.fields(address, 4);
    head.signature("EASB");
    const start = address + 6 + offsetBytes + offsetWidth;
    const pages = blockEntries > pageEntries ? Math.ceil(blockEntries / pageEntries) : 0;
    const bitmapBytes = Math.ceil(pages / 8);
    const isWritten =
      pages === 0 ||
      // One row of bits for all blocks, a bit a page.
      bitAt(
        (await this.file.fields(start, blocks * bitmapBytes)).bytes,
        blockAt * pages + Math.floor(inBlock / pageEntries),
      );
    if (!isWritten) return undefined;
    const pointers = start + blocks * bitmapBytes;
    return this.inBlock(
      await this.pointer(pointers + blockAt * offsetBytes),
      inBlock,
      blockEntries,
      pageEntries,
    );
  }

  private async inBlock(
    address: number | undefined,
    index: number,
    blockEntries: number,
    pageEntries = Number.POSITIVE_INFINITY,
  ): Promise<ChunkPlace | undefined> {
    if (address === undefined) return undefined;
    const head = await this.file.fields(address, 4);
    head.signature("EADB");
    const start = address + 6 + this.file.widths.offsetBytes + this.shape.offsetWidth;
    if (blockEntries <= pageEntries) return entryAt(this.file, this.entries, start, index, blockEntries);
    const pageBytes = pageEntries * this.entries.bytes + checksumBytes;
    const page = start + checksumBytes + Math.floor(index / pageEntries) * pageBytes;
    return entryAt(this.file, this.entries, page, index % pageEntries, pageEntries);
  }

  private async pointer(at: number): Promise<number | undefined> {
    if (!Number.isSafeInteger(at))
      throw damagedHdf5(this.file.base, "an array of chunks leads beyond reason");
    return (await this.file.fields(at, this.file.widths.offsetBytes)).address();
  }
}

/** Blocks in all groups before one. */
function blocksBefore(group: number): number {
  let count = 0;
  for (let each = 0; each < group; each++) count += 2 ** Math.floor(each / 2);
  return count;
}
