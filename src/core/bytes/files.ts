import type { OpenByteSource } from "./byteSource";

export type EntryKind = "file" | "directory";

export interface FileEntry {
  readonly name: string;
  readonly kind: EntryKind;
  /** The entry is a symbolic link; `kind` is what it points to. */
  readonly link: boolean;
}

export interface FileStat {
  readonly kind: EntryKind;
  readonly size: number;
  readonly modifiedMs: number;
}

/** A symbolic link to something that is not there. */
export interface BrokenLink {
  readonly name: string;
  /** As the link has it: often relative to the link's folder. */
  readonly target: string;
}

export type OnBrokenLink = (link: BrokenLink) => void;

/**
 * The file system as core sees it: read-only, and narrow enough to be a Map in tests.
 * Paths are the platform's own; join them with core/bytes/paths.
 */
export interface Files {
  /**
   * Entries of a folder; broken links and sockets are left out. Rejects when the folder cannot be read.
   * @param onBrokenLink told of each link that leads nowhere.
   */
  list(folder: string, onBrokenLink?: OnBrokenLink): Promise<readonly FileEntry[]>;
  /** Undefined when nothing is there. */
  stat(path: string): Promise<FileStat | undefined>;
  open(path: string): Promise<OpenByteSource>;
  /** The path with every link resolved: two names of one folder give one string. */
  realPath(path: string): Promise<string>;
}
