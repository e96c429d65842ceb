import type { Files } from "../../bytes/files";
import { isPlainFileName, joinPath } from "../../bytes/paths";
import { CheckpointError } from "../../problem/checkpointError";
import { maxOcdbtKeys, maxOcdbtNodes } from "../../problem/limits";
import { quote } from "../../text/quote";
import { damagedOcdbt, type OcdbtFields, openOcdbtFrame } from "./ocdbtFields";

const manifestMagic = 0x0cdb3a2a;
const nodeMagic = 0x0cdb20de;
const maxDepth = 32;
const maxManifestBytes = 64_000_000;

/** Where a value is: beside its key, or in a file of the database. */
export type OcdbtValue =
  | { readonly kind: "inline"; readonly bytes: Uint8Array }
  | { readonly kind: "file"; readonly path: string; readonly offset: number; readonly length: number };

/**
 * The keys of an OCDBT database (tensorstore, `kvstore/ocdbt/index.rst`) in its newest version, with the places of their
 * values. Reads the manifest and the nodes of the tree, no value.
 * @throws CheckpointError where these are damaged, missing or lead out of the folder.
 */
export async function readOcdbt(
  files: Files,
  folder: string,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, OcdbtValue>> {
  const database = new Database(files, folder, signal);
  await database.read();
  return database.values;
}

interface DataFile {
  /** From the folder of the database. */
  readonly path: string;
  /** What the paths in its nodes are below. */
  readonly base: string;
}

interface NodePlace {
  readonly file: DataFile;
  readonly offset: number;
  readonly length: number;
}

class Database {
  readonly values = new Map<string, OcdbtValue>();
  private nodes = 0;

  constructor(
    private readonly files: Files,
    private readonly folder: string,
    private readonly signal: AbortSignal | undefined,
  ) {}

  async read(): Promise<void> {
    const root = (await this.manifest("manifest.ocdbt")) ?? (await this.numbered());
    if (root !== undefined && root.length > 0) await this.visit(root, "", 0);
  }

  /** The place of the newest root. Undefined where this manifest has no versions of its own. */
  private async manifest(name: string): Promise<NodePlace | undefined> {
    const fields = openOcdbtFrame(await this.bytesOf(name), manifestMagic, name);
    fields.take(16);
    fields.varint();
    fields.varint();
    fields.varint();
    fields.u8();
    if (fields.varint() === 1) fields.take(4);
    if (fields.left === 0) return undefined;
    const table = readFileTable(fields, "", name);
    const count = fields.varint();
    if (count === 0) return undefined;
    fields.column(count);
    fields.take(count);
    const [file, offset, length] = [fields.column(count), fields.column(count), fields.column(count)];
    const last = count - 1;
    return {
      file: table[file[last] as number] ?? fields.fail("a version names a file that is not listed"),
      offset: offset[last] as number,
      length: length[last] as number,
    };
  }

  /** Manifests with a number stand beside the first, the highest is the newest. */
  private async numbered(): Promise<NodePlace | undefined> {
    const entries = await this.files.list(this.folder);
    const [newest] = entries
      .map(({ name }) => name)
      .filter((name) => /^manifest\.[0-9a-f]{16}$/.test(name))
      .sort()
      .reverse();
    return newest === undefined ? undefined : this.manifest(newest);
  }

  private async visit({ file, offset, length }: NodePlace, prefix: string, depth: number): Promise<void> {
    if (depth > maxDepth || ++this.nodes > maxOcdbtNodes)
      throw damagedOcdbt(file.path, "its tree has no end");
    const fields = openOcdbtFrame(await this.range(file.path, offset, length), nodeMagic, file.path);
    const height = fields.u8();
    const table = readFileTable(fields, file.base, file.path);
    const count = fields.varint();
    const isLeaf = height === 0;
    const { keys, common } = readKeys(fields, count, isLeaf);
    if (isLeaf) this.addValues(fields, keys, prefix, table);
    else {
      const [ids, offsets, lengths] = [fields.column(count), fields.column(count), fields.column(count)];
      for (const [at, key] of keys.entries()) {
        const child = {
          file: table[ids[at] as number] ?? fields.fail("a node names a file that is not listed"),
          offset: offsets[at] as number,
          length: lengths[at] as number,
        };
        await this.visit(child, prefix + key.slice(0, common[at]), depth + 1);
      }
    }
  }

  private addValues(
    fields: OcdbtFields,
    keys: readonly string[],
    prefix: string,
    table: readonly DataFile[],
  ): void {
    const lengths = fields.column(keys.length);
    const kinds = fields.column(keys.length);
    const outside = kinds.filter((kind) => kind === 1).length;
    const [ids, offsets] = [fields.column(outside), fields.column(outside)];
    let next = 0;
    for (const [at, key] of keys.entries()) {
      const length = lengths[at] as number;
      let value: OcdbtValue;
      if (kinds[at] === 1) {
        const file = table[ids[next] as number];
        if (file === undefined || file.path === "") fields.fail("a value names a file that is not listed");
        value = { kind: "file", path: file.path, offset: offsets[next] as number, length };
        next++;
      } else if (kinds[at] === 0) value = { kind: "inline", bytes: fields.take(length).slice() };
      else fields.fail("a value is kept in a way that is not known");
      if (this.values.size >= maxOcdbtKeys)
        throw new CheckpointError("TooManyKeys", "The database has more keys than any checkpoint.");
      // Put together byte by byte, and text only as a whole.
      const bytes = Uint8Array.from(prefix + key, (char) => char.charCodeAt(0));
      this.values.set(new TextDecoder().decode(bytes), value);
    }
  }

  private async bytesOf(name: string): Promise<Uint8Array> {
    const stat = await this.files.stat(joinPath(this.folder, name));
    if (stat?.kind !== "file") throw missing(name);
    if (stat.size > maxManifestBytes) throw damagedOcdbt(name, "it is larger than any manifest");
    return this.range(name, 0, stat.size);
  }

  private async range(name: string, offset: number, length: number): Promise<Uint8Array> {
    const path = joinPath(this.folder, ...name.split("/"));
    if ((await this.files.stat(path))?.kind !== "file") throw missing(name);
    const source = await this.files.open(path);
    try {
      if (!Number.isSafeInteger(offset + length) || offset + length > source.size)
        throw damagedOcdbt(name, `a node should end at byte ${offset + length} of ${source.size}`);
      return await source.read(offset, length, this.signal);
    } finally {
      await source.close();
    }
  }
}

/** Paths share their beginnings; a path is made of what the nodes above it are below, and its own. */
function readFileTable(fields: OcdbtFields, inherited: string, what: string): readonly DataFile[] {
  const count = fields.varint();
  const prefixes = count === 0 ? [] : [0, ...fields.column(count - 1)];
  const suffixes = fields.column(count);
  const bases = fields.column(count);
  let before = new Uint8Array();
  return suffixes.map((length, at) => {
    const shared = prefixes[at] as number;
    if (shared > before.length) fields.fail("a path shares more than there is");
    const own = fields.take(length);
    const bytes = new Uint8Array(shared + length);
    bytes.set(before.subarray(0, shared));
    bytes.set(own, shared);
    before = bytes;
    const path = new TextDecoder().decode(bytes);
    const full = inherited + path;
    // An empty version of a database names no file at all, and nothing of it is read.
    if (full !== "" && !full.split("/").every(isPlainFileName)) {
      const message = `${what} names the file ${quote(full)}, which is not inside the folder. It is not read.`;
      throw new CheckpointError("PathOutside", message);
    }
    return { path: full, base: inherited + new TextDecoder().decode(bytes.subarray(0, bases[at])) };
  });
}

function readKeys(fields: OcdbtFields, count: number, isLeaf: boolean) {
  const prefixes = count === 0 ? [] : [0, ...fields.column(count - 1)];
  const suffixes = fields.column(count);
  const common = isLeaf ? [] : fields.column(count);
  let before = "";
  const keys = suffixes.map((length, at) => {
    const shared = prefixes[at] as number;
    if (shared > before.length) fields.fail("a key shares more than there is");
    // Byte by byte: names beyond ASCII are put together as they were cut.
    before = before.slice(0, shared) + String.fromCharCode(...fields.take(length));
    return before;
  });
  return { keys, common };
}

function missing(name: string): CheckpointError {
  return new CheckpointError("MissingFile", `${name} is missing: a part of the checkpoint was not copied.`);
}
