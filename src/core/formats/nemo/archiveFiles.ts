import { type ByteRegion, SubRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import type { FileEntry, Files } from "../../bytes/files";
import type { TarMember } from "../tar/tarDirectory";

/** The members of an archive as files in folders: what reads a folder reads it in the archive as well. */
export class ArchiveFiles implements Files {
  private readonly byPath: ReadonlyMap<string, TarMember>;

  constructor(
    private readonly file: ByteSource,
    /** The archive in its file; unpacked, where it is compressed. */
    private readonly archive: ByteRegion,
    members: readonly TarMember[],
  ) {
    // Of two members of one name the last counts, as when the archive is unpacked.
    this.byPath = new Map(members.map((member) => [member.name, member]));
  }

  region(path: string): ByteRegion | undefined {
    const member = this.byPath.get(path);
    // Of a member that is cut there is what there is.
    return member && new SubRegion(this.archive, member.offset, this.there(member));
  }

  private there({ offset, size }: TarMember): number {
    return Math.max(0, Math.min(size, this.archive.size - offset));
  }

  async list(folder: string): Promise<readonly FileEntry[]> {
    const prefix = folder === "" ? "" : `${folder}/`;
    const entries = new Map<string, FileEntry>();
    for (const path of this.byPath.keys()) {
      if (!path.startsWith(prefix)) continue;
      const [name = "", ...deeper] = path.slice(prefix.length).split("/");
      const kind = deeper.length === 0 ? ("file" as const) : ("directory" as const);
      if (name !== "" && !entries.has(name)) entries.set(name, { name, kind, link: false });
    }
    return [...entries.values()];
  }

  async stat(path: string) {
    const member = this.byPath.get(path);
    if (member !== undefined) return { kind: "file" as const, size: this.there(member), modifiedMs: 0 };
    const isFolder = [...this.byPath.keys()].some((name) => name.startsWith(`${path}/`));
    return isFolder ? { kind: "directory" as const, size: 0, modifiedMs: 0 } : undefined;
  }

  async open(path: string) {
    const region = this.region(path);
    if (region === undefined) throw new Error(`ENOENT: the archive has no member ${path}`);
    const source = await region.open(this.file);
    return {
      size: source.size,
      read: (offset: number, length: number, signal?: AbortSignal) => source.read(offset, length, signal),
      close: async () => {},
    };
  }

  async realPath(path: string): Promise<string> {
    return path;
  }
}
