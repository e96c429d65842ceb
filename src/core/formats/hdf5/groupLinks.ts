import { maxHdf5Links } from "../../problem/limits";
import { readBtreeV2 } from "./btreeV2";
import { FractalHeap } from "./fractalHeap";
import { damagedHdf5, type Hdf5Fields, type Hdf5File } from "./hdf5File";
import { type HeaderMessage, messageTypes } from "./objectHeader";

/** A name in a group, and what it leads to. */
export interface Hdf5Link {
  readonly name: string;
  readonly target:
    | { readonly kind: "hard"; readonly address: number }
    | { readonly kind: "soft"; readonly path: string }
    | { readonly kind: "external"; readonly file: string };
}

const maxTreeDepth = 32;

/** The links of a group, wherever it keeps them; undefined for an object that is no group. */
export async function readLinks(
  file: Hdf5File,
  messages: readonly HeaderMessage[],
): Promise<readonly Hdf5Link[] | undefined> {
  const table = messages.find(({ type }) => type === messageTypes.symbolTable);
  if (table !== undefined) return readSymbolTable(file, table.fields);
  const info = messages.find(({ type }) => type === messageTypes.linkInfo);
  const own = messages.filter(({ type }) => type === messageTypes.link).map(({ fields }) => readLink(fields));
  if (info === undefined && own.length === 0) return undefined;
  return info === undefined ? own : [...own, ...(await readDenseLinks(file, info.fields))];
}

/** Old groups: a B-tree of nodes of symbols, whose names lie in a local heap (III.A.1, III.B, III.D). */
async function readSymbolTable(file: Hdf5File, message: Hdf5Fields): Promise<readonly Hdf5Link[]> {
  const tree = message.address();
  const heapAddress = message.address();
  if (tree === undefined || heapAddress === undefined) return [];
  const heap = await readLocalHeap(file, heapAddress);
  const links: Hdf5Link[] = [];
  for (const address of await symbolNodes(file, tree)) {
    const head = await file.fields(address, 8);
    head.signature("SNOD");
    head.skip(2);
    const count = head.u16();
    const entryBytes = 2 * file.widths.offsetBytes + 24;
    const fields = await file.fields(address + 8, count * entryBytes);
    for (let index = 0; index < count; index++) links.push(readSymbol(fields, heap));
    if (links.length > maxHdf5Links)
      throw damagedHdf5(fields.fileOffset, `a group of more than ${maxHdf5Links} names stands`);
  }
  return links;
}

function readSymbol(fields: Hdf5Fields, heap: Hdf5Fields): Hdf5Link {
  const nameAt = fields.address();
  const address = fields.address();
  const cached = fields.u32();
  fields.skip(4);
  const scratch = fields.u32();
  fields.skip(12);
  const name = heapText(heap, nameAt ?? heap.bytes.length);
  if (cached === 2) return { name, target: { kind: "soft", path: heapText(heap, scratch) } };
  return { name, target: { kind: "hard", address: address ?? fields.fail("a name leads nowhere") } };
}

async function readLocalHeap(file: Hdf5File, address: number): Promise<Hdf5Fields> {
  const head = await file.fields(address, 8 + 2 * file.widths.lengthBytes + file.widths.offsetBytes);
  head.signature("HEAP");
  head.skip(4);
  const size = head.length();
  head.length();
  return file.fields(head.address() ?? head.fail("a heap of names has no data"), size);
}

function heapText(heap: Hdf5Fields, at: number): string {
  const end = heap.bytes.indexOf(0, at);
  if (at >= heap.bytes.length || end < 0)
    throw damagedHdf5(heap.fileOffset, "a heap of names stands that does not hold a name");
  return new TextDecoder().decode(heap.bytes.subarray(at, end));
}

/** The leaves of a group's B-tree, in the order of their names. */
async function symbolNodes(file: Hdf5File, root: number): Promise<readonly number[]> {
  const found: number[] = [];
  const seen = new Set<number>();
  const visit = async (address: number, depth: number): Promise<void> => {
    if (seen.has(address) || depth > maxTreeDepth)
      throw damagedHdf5(file.base + address, "the B-tree of a group leads back to itself");
    seen.add(address);
    const { offsetBytes, lengthBytes } = file.widths;
    const head = await file.fields(address, 8 + 2 * offsetBytes);
    head.signature("TREE");
    if (head.u8() !== 0) head.fail("a B-tree of another kind stands where a group's belongs");
    const level = head.u8();
    const count = head.u16();
    const bytes = count * (lengthBytes + offsetBytes) + lengthBytes;
    const fields = await file.fields(address + 8 + 2 * offsetBytes, bytes);
    for (let index = 0; index < count; index++) {
      fields.length();
      const child = fields.address() ?? fields.fail("the B-tree of a group leads nowhere");
      if (level === 0) found.push(child);
      else await visit(child, depth + 1);
    }
    if (found.length > maxHdf5Links)
      throw damagedHdf5(file.base + root, `a group of more than ${maxHdf5Links} nodes stands`);
  };
  await visit(root, 0);
  return found;
}

/** A link message (IV.A.2.g). */
function readLink(fields: Hdf5Fields): Hdf5Link {
  fields.skip(1);
  const flags = fields.u8();
  const kind = (flags & 0x08) === 0 ? 0 : fields.u8();
  if ((flags & 0x04) !== 0) fields.skip(8);
  if ((flags & 0x10) !== 0) fields.skip(1);
  const name = new TextDecoder().decode(fields.take(fields.unsigned(1 << (flags & 3))));
  if (kind === 0)
    return {
      name,
      target: { kind: "hard", address: fields.address() ?? fields.fail("a name leads nowhere") },
    };
  const value = new TextDecoder().decode(fields.take(fields.u16()));
  if (kind === 1) return { name, target: { kind: "soft", path: value } };
  // Flags, the name of the file, a zero, the path in it.
  return { name, target: { kind: "external", file: value.slice(1).split("\0")[0] ?? "" } };
}

const linkNameTree = 5;

/** New groups of many names: link messages in a heap, found by a B-tree of their names' hashes. */
async function readDenseLinks(file: Hdf5File, info: Hdf5Fields): Promise<readonly Hdf5Link[]> {
  info.skip(1);
  const flags = info.u8();
  if ((flags & 1) !== 0) info.skip(8);
  const heapAddress = info.address();
  const tree = info.address();
  if (heapAddress === undefined || tree === undefined) return [];
  const heap = await FractalHeap.open(file, heapAddress);
  const links: Hdf5Link[] = [];
  for (const record of await readBtreeV2(file, tree, linkNameTree)) {
    links.push(readLink(await heap.object(record.subarray(4))));
  }
  return links.sort((a, b) => (a.name < b.name ? -1 : 1));
}
