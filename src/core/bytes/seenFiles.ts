import { getOrMake } from "../lists/getOrMake";
import { maxListedFiles } from "../problem/limits";
import type { BrokenLink, FileEntry, FileStat, Files, OnBrokenLink } from "./files";
import { baseName, parentPath } from "./paths";

interface Listing {
  readonly entries: readonly FileEntry[];
  readonly broken: readonly BrokenLink[];
}

/**
 * Files as one search sees them: what was looked at is not looked at again, nor asked for where the listing of its
 * folder says that it is not there. On a network disk each look costs a round trip.
 */
export class SeenFiles implements Files {
  private readonly stats = new Map<string, Promise<FileStat | undefined>>();
  /** Names in the folders that were listed, in lower case: some file systems tell no capitals from small letters. */
  private readonly names = new Map<string, ReadonlySet<string>>();
  private readonly listings = new Map<string, Listing>();

  constructor(private readonly files: Files) {}

  async list(folder: string, onBrokenLink?: OnBrokenLink): Promise<readonly FileEntry[]> {
    const known = this.listings.get(folder);
    for (const link of known?.broken ?? []) onBrokenLink?.(link);
    if (known !== undefined) return known.entries;
    const broken: BrokenLink[] = [];
    const entries = await this.files.list(folder, (link) => {
      broken.push(link);
      onBrokenLink?.(link);
    });
    if (entries.length <= maxListedFiles) this.listings.set(folder, { entries, broken });
    this.names.set(folder, new Set(entries.map(({ name }) => name.toLowerCase())));
    return entries;
  }

  stat(path: string): Promise<FileStat | undefined> {
    return getOrMake(this.stats, path, () => this.look(path));
  }

  open(path: string) {
    return this.files.open(path);
  }

  realPath(path: string): Promise<string> {
    return this.files.realPath(path);
  }

  private async look(path: string): Promise<FileStat | undefined> {
    const folder = parentPath(path);
    const isAbsent = this.names.get(folder)?.has(baseName(path).toLowerCase()) === false;
    if (isAbsent || (await this.stats.get(folder))?.kind === "file") return undefined;
    return this.files.stat(path);
  }
}
