import { MemoryByteSource, type OpenByteSource } from "../../src/core/bytes/byteSource";
import type { FileEntry, FileStat, Files, OnBrokenLink } from "../../src/core/bytes/files";

/** What lies at a path: text, bytes, a link, an empty folder, or a size whose bytes nobody may read. */
export type MemoryContent = string | Uint8Array | MemoryLink | MemoryFolder | MemoryBulk;

export interface MemoryLink {
  /** Absolute, or relative to the link's folder. */
  readonly link: string;
}

export interface MemoryFolder {
  readonly folder: true;
}

export interface MemoryBulk {
  /** Bytes. Reading them fails: a test for code that must leave the weights alone. */
  readonly bulk: number;
}

interface Node {
  readonly content: MemoryContent;
  readonly children: Map<string, Node>;
  modifiedMs: number;
}

const maxLinks = 40;

/**
 * Files in memory, by absolute path with `/`. Folders come from the paths of what is in them. Counts what is
 * done with it, so that read budgets can be asserted.
 */
export class MemoryFiles implements Files {
  readonly counts = { list: 0, stat: 0, open: 0, realPath: 0, read: 0, bytesRead: 0 };
  readonly opened: string[] = [];
  /** Folders whose listing is refused. */
  readonly unreadable = new Set<string>();
  private readonly root: Node = folderNode();

  constructor(files: Readonly<Record<string, MemoryContent>> = {}) {
    for (const [path, content] of Object.entries(files)) this.write(path, content);
  }

  write(path: string, content: MemoryContent, modifiedMs = 1_700_000_000_000): void {
    const names = split(path);
    const last = names.pop();
    if (last === undefined) throw new Error(`Not a path: ${path}`);
    let node = this.root;
    for (const name of names) {
      const child = node.children.get(name) ?? folderNode();
      node.children.set(name, child);
      node = child;
    }
    node.children.set(last, { content, children: new Map(), modifiedMs });
  }

  remove(path: string): void {
    const names = split(path);
    const last = names.pop() ?? "";
    this.find(names.join("/"))?.node.children.delete(last);
  }

  async list(folder: string, onBrokenLink?: OnBrokenLink): Promise<readonly FileEntry[]> {
    this.counts.list++;
    if (this.unreadable.has(folder)) throw new Error(`EACCES: permission denied, scandir '${folder}'`);
    const found = this.find(folder);
    if (found === undefined) throw new Error(`ENOENT: no such file or directory, scandir '${folder}'`);
    if (!isFolder(found.node)) throw new Error(`ENOTDIR: not a directory, scandir '${folder}'`);
    const entries: FileEntry[] = [];
    for (const [name, child] of found.node.children) {
      const link = isLink(child.content);
      const target = link ? this.find(`${found.path}/${name}`)?.node : child;
      if (isLink(child.content) && target === undefined) onBrokenLink?.({ name, target: child.content.link });
      if (target !== undefined) entries.push({ name, kind: isFolder(target) ? "directory" : "file", link });
    }
    return entries;
  }

  async stat(path: string): Promise<FileStat | undefined> {
    this.counts.stat++;
    const node = this.find(path)?.node;
    if (node === undefined) return undefined;
    const folder = isFolder(node);
    return { kind: folder ? "directory" : "file", size: sizeOf(node.content), modifiedMs: node.modifiedMs };
  }

  async open(path: string): Promise<OpenByteSource> {
    this.counts.open++;
    this.opened.push(path);
    const node = this.find(path)?.node;
    if (node === undefined || isFolder(node))
      throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    const { content } = node;
    if (typeof content === "object" && "bulk" in content) throw new Error(`The test forbids reading ${path}`);
    const source = new MemoryByteSource(toBytes(content));
    return {
      size: source.size,
      read: (offset, length, signal) => {
        this.counts.read++;
        this.counts.bytesRead += length;
        return source.read(offset, length, signal);
      },
      close: () => source.close(),
    };
  }

  async realPath(path: string): Promise<string> {
    this.counts.realPath++;
    const found = this.find(path);
    if (found === undefined) throw new Error(`ENOENT: no such file or directory, realpath '${path}'`);
    return found.path || "/";
  }

  /** The node at a path with every link followed, and its true path. */
  private find(path: string, links = 0): { path: string; node: Node } | undefined {
    let node = this.root;
    let truePath = "";
    const names = split(path);
    for (const [index, name] of names.entries()) {
      const child = node.children.get(name);
      if (child === undefined) return undefined;
      if (isLink(child.content)) {
        if (links >= maxLinks) return undefined;
        const { link } = child.content;
        const target = link.startsWith("/") ? link : `${truePath}/${link}`;
        return this.find([target, ...names.slice(index + 1)].join("/"), links + 1);
      }
      node = child;
      truePath += `/${name}`;
    }
    return { path: truePath, node };
  }
}

function split(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names;
}

function folderNode(): Node {
  return { content: { folder: true }, children: new Map(), modifiedMs: 1_700_000_000_000 };
}

function isLink(content: MemoryContent): content is MemoryLink {
  return typeof content === "object" && "link" in content;
}

function isFolder(node: Node): boolean {
  return typeof node.content === "object" && "folder" in node.content;
}

function sizeOf(content: MemoryContent): number {
  return typeof content === "object" && "bulk" in content ? content.bulk : toBytes(content).byteLength;
}

function toBytes(content: MemoryContent): Uint8Array {
  if (typeof content === "string") return new TextEncoder().encode(content);
  return content instanceof Uint8Array ? content : new Uint8Array();
}
