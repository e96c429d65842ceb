import { varint } from "./proto";

export interface OcdbtEntry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Kept beside the key, and not in a data file. */
  readonly inline?: boolean;
}

export interface OcdbtOptions {
  /** Entries of a leaf; with more than fit in one the tree has a second level. */
  readonly leafEntries?: number;
  /** Path of the data file, from the folder. */
  readonly dataFile?: string;
}

/**
 * The files of an OCDBT database below a folder, uncompressed, after `kvstore/ocdbt/index.rst` of tensorstore: frame,
 * manifest with one version, leaves and the node above them.
 */
export function ocdbtFolder(
  folder: string,
  entries: readonly OcdbtEntry[],
  { leafEntries = 1000, dataFile = "d/data" }: OcdbtOptions = {},
): Record<string, Uint8Array> {
  const sorted = [...entries].sort((a, b) => (a.key < b.key ? -1 : 1));
  const data: number[] = [];
  const append = (bytes: Uint8Array) => {
    const offset = data.length;
    for (const byte of bytes) data.push(byte); // a call takes no million arguments
    return { offset, length: bytes.length };
  };
  const places = sorted.map(({ value, inline }) => (inline === true ? undefined : append(value)));
  const leaves: { first: string; offset: number; length: number; count: number }[] = [];
  for (let from = 0; from < sorted.length; from += leafEntries) {
    const some = sorted.slice(from, from + leafEntries);
    const spots = places.slice(from, from + leafEntries);
    const outside = spots.filter((spot) => spot !== undefined);
    const body = [
      0,
      ...fileTable([dataFile]),
      ...varint(some.length),
      ...keyColumns(some.map(({ key }) => key)),
      ...some.flatMap(({ value }) => varint(value.length)),
      ...spots.map((spot) => (spot === undefined ? 0 : 1)),
      ...outside.flatMap(() => varint(0)),
      ...outside.flatMap(({ offset }) => varint(offset)),
      ...some.flatMap(({ value }, at) => (spots[at] === undefined ? [...value] : [])),
    ];
    leaves.push({ first: some[0]?.key ?? "", count: some.length, ...append(frame(0x0cdb20de, body)) });
  }
  const [only] = leaves;
  let root = { offset: only?.offset ?? 0, length: only?.length ?? 0 };
  if (leaves.length > 1) {
    const column = (pick: (leaf: (typeof leaves)[number]) => number) =>
      leaves.flatMap((leaf) => varint(pick(leaf)));
    const keys = leaves.map(({ first }) => first);
    const { suffixes, lengths } = shared(keys);
    const body = [
      1,
      ...fileTable([dataFile]),
      ...varint(leaves.length),
      ...lengths,
      // Nothing is shared by all keys of a child.
      ...leaves.map(() => 0),
      ...suffixes,
      ...column(() => 0),
      ...column(({ offset }) => offset),
      ...column(({ length }) => length),
      ...column(({ count }) => count),
      ...column(() => 0),
      ...column(() => 0),
    ];
    root = append(frame(0x0cdb20de, body));
  }
  const version = [1, 1, leaves.length > 1 ? 1 : 0, 0, root.offset, root.length, sorted.length, 0, 0];
  const manifest = [
    ...new Uint8Array(16),
    ...[0, 1024, 100_000_000].flatMap((value) => varint(value)),
    4,
    0,
    ...fileTable([dataFile]),
    ...version.flatMap((value, at) => (at === 2 ? [value] : varint(value))),
    ...new Uint8Array(8),
    ...varint(0),
  ];
  return {
    [`${folder}/manifest.ocdbt`]: frame(0x0cdb3a2a, manifest),
    [`${folder}/${dataFile}`]: Uint8Array.from(data),
  };
}

function frame(magic: number, body: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(12 + 2 + body.length + 4);
  bytes.writeUInt32BE(magic, 0);
  bytes.writeBigUInt64LE(BigInt(bytes.length), 4);
  // Version 0, not compressed; the checksum is left out.
  bytes.set(body, 14);
  return new Uint8Array(bytes);
}

function fileTable(paths: readonly string[]): number[] {
  const { lengths, suffixes } = shared(paths);
  return [...varint(paths.length), ...lengths, ...paths.flatMap(() => varint(0)), ...suffixes];
}

function keyColumns(keys: readonly string[]): number[] {
  const { lengths, suffixes } = shared(keys);
  return [...lengths, ...suffixes];
}

/** Lengths of what each shares with the one before, of its own rest, and the rests. */
function shared(texts: readonly string[]) {
  const encoded = texts.map((text) => [...Buffer.from(text)]);
  const prefixes = encoded.map((bytes, at) => {
    const before = encoded[at - 1] ?? [];
    let length = 0;
    while (length < Math.min(bytes.length, before.length) && bytes[length] === before[length]) length++;
    return length;
  });
  const rests = encoded.map((bytes, at) => bytes.slice(prefixes[at]));
  const lengths = [...prefixes.slice(1), ...rests.map(({ length }) => length)].flatMap((value) =>
    varint(value),
  );
  return { lengths, suffixes: rests.flat() };
}
