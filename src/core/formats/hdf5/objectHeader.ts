import { maxHdf5Messages } from "../../problem/limits";
import { damagedHdf5, Hdf5Fields, type Hdf5File } from "./hdf5File";

/** Types of header messages (File Format Specification IV.A.2) that are looked at. */
export const messageTypes = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  oldFillValue: 0x04,
  fillValue: 0x05,
  link: 0x06,
  externalFiles: 0x07,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
  attributeInfo: 0x15,
} as const;

export interface HeaderMessage {
  readonly type: number;
  /** Its body stands elsewhere: the fields are a reference to it. */
  readonly isShared: boolean;
  readonly fields: Hdf5Fields;
}

interface Block {
  readonly address: number;
  readonly length: number;
}

/**
 * All messages of an object header, those of its continuation blocks as well. Blocks that lead back to one that was
 * read are refused.
 */
export async function readObjectHeader(file: Hdf5File, address: number): Promise<readonly HeaderMessage[]> {
  const head = await file.upTo(address, 16);
  const isNew = head.left >= 4 && String.fromCharCode(...head.bytes.subarray(0, 4)) === "OHDR";
  return isNew ? readNewHeader(file, address) : readOldHeader(file, address, head);
}

async function readOldHeader(
  file: Hdf5File,
  address: number,
  head: Hdf5Fields,
): Promise<readonly HeaderMessage[]> {
  const version = head.u8();
  if (version !== 1) throw damagedHdf5(head.fileOffset, "no object header stands");
  head.skip(7);
  const length = head.u32();
  const first = { address: address + 16, length };
  return readBlocks(file, first, (fields, add) => {
    while (fields.left >= 8) {
      const [type, size, flags] = [fields.u16(), fields.u16(), fields.u8()];
      fields.skip(3);
      add(type, flags, size);
    }
  });
}

async function readNewHeader(file: Hdf5File, address: number): Promise<readonly HeaderMessage[]> {
  const head = await file.upTo(address, 4 + 2 + 16 + 4 + 8);
  head.signature("OHDR");
  const version = head.u8();
  if (version !== 2) head.fail(`an object header of version ${version} stands, which is not known`);
  const flags = head.u8();
  if ((flags & 0x20) !== 0) head.skip(16);
  if ((flags & 0x10) !== 0) head.skip(4);
  const length = head.unsigned(1 << (flags & 3));
  const prefixBytes = (flags & 0x04) === 0 ? 4 : 6;
  const first = { address: address + head.at, length };
  return readBlocks(file, first, (fields, add, isContinuation) => {
    if (isContinuation) fields.signature("OCHK");
    // Four bytes of checksum end a continuation; the first block has them behind what it counts.
    const tail = isContinuation ? 4 : 0;
    while (fields.left >= prefixBytes + tail) {
      const [type, size, messageFlags] = [fields.u8(), fields.u16(), fields.u8()];
      if (prefixBytes === 6) fields.skip(2);
      add(type, messageFlags, size);
    }
  });
}

type ReadBlock = (
  fields: Hdf5Fields,
  add: (type: number, flags: number, size: number) => void,
  isContinuation: boolean,
) => void;

async function readBlocks(file: Hdf5File, first: Block, readBlock: ReadBlock): Promise<HeaderMessage[]> {
  const messages: HeaderMessage[] = [];
  const blocks: Block[] = [first];
  const seen = new Set<number>([first.address]);
  for (const block of blocks) {
    const fields = await file.fields(block.address, block.length);
    const add = (type: number, flags: number, size: number) => {
      const { fileOffset, at } = fields;
      const body = new Hdf5Fields(fields.take(size), fileOffset + at, file.widths);
      if (messages.length >= maxHdf5Messages)
        throw damagedHdf5(fileOffset, `an object has more than ${maxHdf5Messages} messages`);
      if (type !== messageTypes.continuation) {
        messages.push({ type, isShared: (flags & 0x02) !== 0, fields: body });
        return;
      }
      const target = body.address() ?? body.fail("a continuation leads nowhere");
      if (seen.has(target)) throw damagedHdf5(fileOffset + at, "an object header continues in itself");
      seen.add(target);
      blocks.push({ address: target, length: body.length() });
    };
    readBlock(fields, add, block !== first);
  }
  return messages;
}

/**
 * The body of a message, followed where it is shared: a datatype with a name of its own stands in its own object.
 * Undefined where it lies in a heap of shared messages, which is not read.
 */
export async function messageBody(
  file: Hdf5File,
  message: HeaderMessage,
  depth = 0,
): Promise<Hdf5Fields | undefined> {
  const { fields, type, isShared } = message;
  if (!isShared) return new Hdf5Fields(fields.bytes, fields.fileOffset, fields.widths);
  const target = sharedAddress(fields);
  if (target === undefined || depth > 2) return undefined;
  const found = (await readObjectHeader(file, target)).find((other) => other.type === type);
  return found === undefined ? undefined : messageBody(file, found, depth + 1);
}

/** Where a shared message's object stands (IV.A.2, "Shared Message"); undefined for one in a heap. */
export function sharedAddress({ bytes, fileOffset, widths }: Hdf5Fields): number | undefined {
  const reference = new Hdf5Fields(bytes, fileOffset, widths);
  const version = reference.u8();
  const kind = reference.u8();
  if (version === 1) reference.skip(6);
  if (version === 3 && kind === 1) return undefined;
  return reference.address();
}
