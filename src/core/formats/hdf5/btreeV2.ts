import { maxHdf5Links } from "../../problem/limits";
import { damagedHdf5, type Hdf5Fields, type Hdf5File } from "./hdf5File";

const headBytes = 6;
const checksumBytes = 4;
const maxDepth = 32;

/**
 * Every record of a version 2 B-tree (File Format Specification III.A.2), each the fields of one, in the order of the
 * tree. `type` is what the tree must hold.
 */
export async function readBtreeV2(
  file: Hdf5File,
  address: number,
  type: number,
  maxRecords = maxHdf5Links,
): Promise<readonly Uint8Array[]> {
  const head = await file.upTo(address, 16 + file.widths.offsetBytes + 2 + file.widths.lengthBytes + 4);
  head.signature("BTHD");
  head.skip(1);
  const found = head.u8();
  if (found !== type) head.fail(`a B-tree of type ${found} stands where one of type ${type} belongs`);
  const nodeBytes = head.u32();
  const recordBytes = head.u16();
  const depth = head.u16();
  head.skip(2);
  const root = head.address();
  const rootRecords = head.u16();
  const total = head.length();
  if (depth > maxDepth || recordBytes === 0 || nodeBytes < headBytes + checksumBytes + recordBytes)
    head.fail("a B-tree of an impossible form stands");
  if (root === undefined || total === 0) return [];
  const walk = new BtreeWalk(file, nodeBytes, recordBytes, depth, Math.min(total, maxRecords));
  await walk.visit(root, rootRecords, depth);
  return walk.records;
}

class BtreeWalk {
  readonly records: Uint8Array[] = [];
  private readonly seen = new Set<number>();
  /** Most records of a node, and widths of the counts that lead to its level, from the leaves up. */
  private readonly levels: { readonly most: number; readonly totalBytes: number }[] = [];
  private readonly countBytes: number;

  constructor(
    private readonly file: Hdf5File,
    private readonly nodeBytes: number,
    private readonly recordBytes: number,
    depth: number,
    private readonly most: number,
  ) {
    const usable = nodeBytes - headBytes - checksumBytes;
    const ofLeaf = Math.floor(usable / recordBytes);
    this.countBytes = widthOf(ofLeaf);
    this.levels.push({ most: ofLeaf, totalBytes: 0 });
    let total = ofLeaf;
    for (let level = 1; level <= depth; level++) {
      const below = this.levels[level - 1] as { totalBytes: number };
      const pointer = file.widths.offsetBytes + this.countBytes + below.totalBytes;
      const most = Math.max(0, Math.floor((usable - pointer) / (recordBytes + pointer)));
      total = (most + 1) * total + most;
      this.levels.push({ most, totalBytes: widthOf(total) });
    }
  }

  async visit(address: number, count: number, level: number): Promise<void> {
    if (this.seen.has(address) || count > (this.levels[level]?.most ?? 0))
      throw damagedHdf5(this.file.base + address, "a B-tree leads back to itself or holds too much");
    this.seen.add(address);
    const fields = await this.file.fields(address, this.nodeBytes);
    fields.signature(level === 0 ? "BTLF" : "BTIN");
    fields.skip(2);
    const records = Array.from({ length: count }, () => fields.take(this.recordBytes).slice());
    if (level === 0) {
      for (const record of records) this.add(record, address);
      return;
    }
    const children = Array.from({ length: count + 1 }, () => this.readChild(fields, level));
    for (const [at, child] of children.entries()) {
      if (child.address === undefined) throw damagedHdf5(this.file.base + address, "a B-tree leads nowhere");
      await this.visit(child.address, child.count, level - 1);
      const record = records[at];
      if (record !== undefined) this.add(record, address);
    }
  }

  private readChild(fields: Hdf5Fields, level: number) {
    const child = { address: fields.address(), count: fields.unsigned(this.countBytes) };
    fields.skip(this.levels[level - 1]?.totalBytes ?? 0);
    return child;
  }

  private add(record: Uint8Array, address: number): void {
    if (this.records.length >= this.most)
      throw damagedHdf5(this.file.base + address, "a B-tree holds more records than it counts");
    this.records.push(record);
  }
}

/** As the library counts: whole bytes for the largest number that may stand there. */
export function widthOf(largest: number): number {
  return Math.floor(Math.log2(Math.max(1, largest)) / 8) + 1;
}
