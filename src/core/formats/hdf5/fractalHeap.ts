import { readBtreeV2, widthOf } from "./btreeV2";
import { damagedHdf5, Hdf5Fields, type Hdf5File } from "./hdf5File";

/** What the header of a fractal heap says (File Format Specification III.G). */
interface HeapShape {
  readonly idBytes: number;
  readonly isFiltered: boolean;
  readonly maxManaged: number;
  readonly tableWidth: number;
  readonly startBlock: number;
  readonly maxDirectBlock: number;
  readonly maxHeapBits: number;
  readonly root: number | undefined;
  /** Rows of the root's indirect block; 0 where the root is a direct block. */
  readonly rootRows: number;
  /** Where objects are listed that are too large for any block. */
  readonly hugeTree: number | undefined;
}

const maxDepth = 32;
const maxRows = 64;
const hugeObjectTree = 1;

/** Objects of a group or of attributes that are too many for an object header. */
export class FractalHeap {
  private constructor(
    private readonly file: Hdf5File,
    private readonly shape: HeapShape,
    private readonly address: number,
  ) {}

  static async open(file: Hdf5File, address: number): Promise<FractalHeap> {
    const { offsetBytes, lengthBytes } = file.widths;
    const fields = await file.upTo(address, 22 + 12 * lengthBytes + 3 * offsetBytes);
    fields.signature("FRHP");
    fields.skip(1);
    const idBytes = fields.u16();
    const filterBytes = fields.u16();
    fields.skip(1);
    const maxManaged = fields.u32();
    fields.length();
    const hugeTree = fields.address();
    fields.length();
    fields.address();
    for (let count = 0; count < 8; count++) fields.length();
    const tableWidth = fields.u16();
    const startBlock = fields.length();
    const maxDirectBlock = fields.length();
    const maxHeapBits = fields.u16();
    fields.skip(2);
    const root = fields.address();
    const rootRows = fields.u16();
    if (tableWidth < 1 || startBlock < 1 || maxDirectBlock < startBlock || rootRows > maxRows)
      throw damagedHdf5(fields.fileOffset, "a heap has blocks of an impossible size");
    const shape = {
      idBytes,
      isFiltered: filterBytes > 0,
      maxManaged,
      tableWidth,
      startBlock,
      maxDirectBlock,
      maxHeapBits,
      root,
      rootRows,
      hugeTree,
    };
    return new FractalHeap(file, shape, address);
  }

  /** The object that an id names: inside the id itself, or in a block. */
  async object(id: Uint8Array): Promise<Hdf5Fields> {
    const first = id[0] ?? 0;
    const kind = (first >> 4) & 3;
    const at = this.file.base + this.address;
    if (kind === 2) return this.tiny(id, first);
    if (kind === 1 && !this.shape.isFiltered) return this.huge(id);
    if (kind !== 0) throw damagedHdf5(at, "a heap names an object of a kind that is not known");
    if (this.shape.isFiltered) throw damagedHdf5(at, "a heap stands whose blocks went through filters");
    const offsetBytes = Math.ceil(this.shape.maxHeapBits / 8);
    const lengthBytes = Math.min(widthOf(this.shape.maxDirectBlock), widthOf(this.shape.maxManaged));
    const offset = unsigned(id, 1, offsetBytes);
    const length = unsigned(id, 1 + offsetBytes, lengthBytes);
    return this.file.fields(await this.place(offset, length), length);
  }

  /** An object by itself in the file; an id that is long enough says where, of others a B-tree does. */
  private async huge(id: Uint8Array): Promise<Hdf5Fields> {
    const { offsetBytes, lengthBytes } = this.file.widths;
    if (this.shape.idBytes >= 1 + offsetBytes + lengthBytes)
      return this.file.fields(unsigned(id, 1, offsetBytes), unsigned(id, 1 + offsetBytes, lengthBytes));
    const key = unsigned(id, 1, Math.min(lengthBytes, this.shape.idBytes - 1));
    const { hugeTree } = this.shape;
    const records = hugeTree === undefined ? [] : await readBtreeV2(this.file, hugeTree, hugeObjectTree);
    const found = records.find((record) => unsigned(record, offsetBytes + lengthBytes, lengthBytes) === key);
    if (found === undefined) throw this.lost(key);
    return this.file.fields(unsigned(found, 0, offsetBytes), unsigned(found, offsetBytes, lengthBytes));
  }

  private tiny(id: Uint8Array, first: number): Hdf5Fields {
    const isLong = this.shape.idBytes > 18;
    const length = isLong ? ((first & 0x0f) << 8) + (id[1] ?? 0) + 1 : (first & 0x0f) + 1;
    const start = isLong ? 2 : 1;
    const { base, widths } = this.file;
    return new Hdf5Fields(id.slice(start, start + length), base + this.address, widths);
  }

  /** Address of a byte of the heap's own space: down the doubling table, a row of blocks after the other. */
  private async place(offset: number, length: number): Promise<number> {
    const { root, rootRows, startBlock } = this.shape;
    if (root === undefined) throw this.lost(offset);
    let block = { address: root, rows: rootRows, start: 0 };
    if (rootRows === 0) return this.inside(root, offset, length, startBlock);
    for (let depth = 0; depth < maxDepth; depth++) {
      const child = await this.child(block, offset);
      if (child.rows === 0) return this.inside(child.address, offset - child.start, length, child.size);
      block = child;
    }
    throw this.lost(offset);
  }

  private inside(address: number, offset: number, length: number, size: number): number {
    if (offset + length > size) throw this.lost(offset);
    return address + offset;
  }

  private async child(block: { address: number; rows: number; start: number }, offset: number) {
    const { tableWidth, startBlock, maxDirectBlock, maxHeapBits } = this.shape;
    const { offsetBytes } = this.file.widths;
    let start = block.start;
    for (let row = 0; row < block.rows; row++) {
      const size = startBlock * 2 ** Math.max(0, row - 1);
      if (offset >= start + size * tableWidth) {
        start += size * tableWidth;
        continue;
      }
      const column = Math.floor((offset - start) / size);
      const head = 5 + offsetBytes + Math.ceil(maxHeapBits / 8);
      const entry = block.address + head + (row * tableWidth + column) * offsetBytes;
      const address = (await this.file.fields(entry, offsetBytes)).address();
      if (address === undefined) throw this.lost(offset);
      // Rows of blocks beyond the largest direct one lead to indirect blocks, which cover as much.
      const rows = size <= maxDirectBlock ? 0 : Math.log2(size / (startBlock * tableWidth)) + 1;
      if (!Number.isInteger(rows) || rows < 0 || rows > maxRows) throw this.lost(offset);
      return { address, rows, start: start + column * size, size };
    }
    throw this.lost(offset);
  }

  private lost(offset: number) {
    const at = this.file.base + this.address;
    return damagedHdf5(at, `a heap stands that does not hold its byte ${offset}, which is named`);
  }
}

function unsigned(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let index = at + width - 1; index >= at; index--) value = value * 256 + (bytes[index] ?? 0);
  return value;
}
