import { damagedHdf5, type Hdf5File } from "./hdf5File";

const maxCollectionBytes = 64_000_000;

/** Values of no fixed length, by collections that many of them share (File Format Specification III.E). */
export class GlobalHeaps {
  private readonly collections = new Map<number, Promise<ReadonlyMap<number, Uint8Array>>>();

  constructor(private readonly file: Hdf5File) {}

  /**
   * The bytes that a reference (count of elements, address of the collection, index) names; undefined where it names
   * none.
   */
  async bytes(reference: Uint8Array, elementBytes: number): Promise<Uint8Array | undefined> {
    const { offsetBytes } = this.file.widths;
    const view = new DataView(reference.buffer, reference.byteOffset, reference.byteLength);
    if (view.byteLength < 4 + offsetBytes + 4) return undefined;
    const length = view.getUint32(0, true);
    let address = 0;
    for (let at = 4 + offsetBytes - 1; at >= 4; at--) address = address * 256 + view.getUint8(at);
    const index = view.getUint32(4 + offsetBytes, true);
    if (length === 0 || index === 0) return new Uint8Array();
    return (await this.collection(address)).get(index)?.subarray(0, length * elementBytes);
  }

  private collection(address: number): Promise<ReadonlyMap<number, Uint8Array>> {
    let found = this.collections.get(address);
    if (found === undefined) {
      found = this.read(address);
      this.collections.set(address, found);
    }
    return found;
  }

  private async read(address: number): Promise<ReadonlyMap<number, Uint8Array>> {
    const { lengthBytes } = this.file.widths;
    const head = await this.file.fields(address, 8 + lengthBytes);
    head.signature("GCOL");
    head.skip(4);
    const size = head.length();
    if (size < head.at || size > maxCollectionBytes)
      throw damagedHdf5(head.fileOffset, "a heap of values has an impossible size");
    const fields = await this.file.fields(address, size);
    fields.skip(head.at);
    const objects = new Map<number, Uint8Array>();
    while (fields.left >= 8 + lengthBytes) {
      const index = fields.u16();
      fields.skip(6);
      const length = fields.length();
      // Index 0 is what is free, which ends the collection.
      if (index === 0) break;
      objects.set(index, fields.take(length).slice());
      fields.skip(Math.min(fields.left, (8 - (length % 8)) % 8));
    }
    return objects;
  }
}
