/**
 * Where core puts files that it makes. What is being written lies under another name beside its place, so that a
 * reader finds all of it or nothing, and an interrupted work leaves nothing that looks finished.
 */
export interface FileSink {
  /**
   * @throws CheckpointError `Exists` when something is at `path` and `replace` is false, `HoldsOthers` when it is no
   * folder or holds more than `files`, the names that will be created: such a folder is never replaced.
   */
  createFolder(path: string, options: FolderOptions): Promise<FolderOutput>;
  /** @throws CheckpointError `Exists` when something is at `path` and `replace` is false, `HoldsOthers` for a folder. */
  createFile(path: string, options: { readonly replace: boolean }): Promise<FileOutput>;
}

export interface FolderOptions {
  readonly replace: boolean;
  readonly files: readonly string[];
}

interface Output {
  /** Where the work lies until it is committed: for reading it again. */
  readonly temporaryPath: string;
  /** Gives it its name, when all bytes are on the disk. Every writer must be closed. */
  commit(): Promise<void>;
  /** Removes what was written. Of no effect after `commit`. */
  discard(): Promise<void>;
}

export interface FolderOutput extends Output {
  create(name: string): Promise<FileWriter>;
}

export interface FileOutput extends Output {
  readonly writer: FileWriter;
}

export interface FileWriter {
  /** Bytes that were never written read as zeros. */
  writeAt(offset: number, bytes: Uint8Array): Promise<void>;
  /** Waits until all bytes are on the disk. */
  close(): Promise<void>;
}
