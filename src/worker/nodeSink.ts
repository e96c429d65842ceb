import { createHash, randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import type { FileOutput, FileSink, FileWriter, FolderOutput } from "../core/bytes/fileSink";
import { parseTemporaryName, temporaryName } from "../core/bytes/temporaryName";
import { CheckpointError } from "../core/problem/checkpointError";
import { readFlags } from "./nodeFiles";

/** Writes to the local disk: temporary name, fsync, rename, fsync of the folder that holds it. */
export const nodeSink: FileSink = {
  async createFolder(path, { replace, files }) {
    await refuseExisting(path, replace);
    await refuseOthers(path, files);
    const temporaryPath = temporaryPathOf(path, "");
    await mkdir(dirname(path), { recursive: true });
    await removeLeftovers(path);
    await mkdir(temporaryPath);
    unfinished.add(temporaryPath);
    return new NodeFolderOutput(path, temporaryPath, replace, files);
  },
  async createFile(path, { replace }) {
    await refuseExisting(path, replace);
    await refuseFolder(path);
    // The ending stays, so that what is written can be opened again for what it is.
    const temporaryPath = temporaryPathOf(path, /\.[^./\\]+$/.exec(path)?.[0] ?? "");
    await mkdir(dirname(path), { recursive: true });
    await removeLeftovers(path);
    const writer = await NodeFileWriter.create(temporaryPath);
    unfinished.add(temporaryPath);
    return new NodeFileOutput(path, temporaryPath, replace, writer);
  },
};

/** Temporary names that this process gave and that are not settled yet. */
const unfinished = new Set<string>();

/** Removes what was not finished, without waiting: for a process that ends. */
export function removeUnfinished(): void {
  for (const path of unfinished) rmSync(path, { recursive: true, force: true });
  unfinished.clear();
}

/** Tells the machines of a shared disk apart. */
const machine = createHash("sha256").update(hostname()).digest("hex").slice(0, 6);

/** Says who writes it, so that what a process left behind that was killed can be told from what is being written. */
function temporaryPathOf(path: string, ending: string): string {
  const unique = randomBytes(6).toString("hex");
  return temporaryName({ finished: path, machine, pid: process.pid }, unique, ending);
}

/** Removes what earlier writes of the same place left behind whose process was killed. */
async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder)) {
    const owner = parseTemporaryName(name);
    if (owner?.finished !== basename(path) || owner.machine !== machine || isRunning(owner.pid)) continue;
    const leftover = join(folder, name);
    if (await isStale(leftover)) await rm(leftover, { recursive: true, force: true });
  }
}

/** Two containers of one name on one disk do not see each other's processes, but what they write is fresh. */
const staleMs = 10_000;

async function isStale(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return false;
  const inside = found.isDirectory() ? (await readdir(path)).map((name) => join(path, name)) : [];
  const times = await Promise.all(inside.map((each) => stat(each).then(({ mtimeMs }) => mtimeMs)));
  return Date.now() - Math.max(found.mtimeMs, ...times) > staleMs;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Another user's process may not be asked, but it is there.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function refuseExisting(path: string, replace: boolean): Promise<void> {
  if (replace || !(await exists(path))) return;
  const message =
    "There is something of this name already. Choose another name, or say that it may be replaced.";
  throw new CheckpointError("Exists", message, undefined, path);
}

/** What is replaced is removed: only a folder of the same files may be, whoever made it. */
async function refuseOthers(path: string, files: readonly string[]): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isDirectory()) throw holdsOthers(path, "It is no folder");
  const entries = await readdir(path, { withFileTypes: true });
  const others = entries.filter((entry) => !entry.isFile() || !files.includes(entry.name));
  const named = others.slice(0, 3).map(({ name }) => name);
  if (others.length > 0) throw holdsOthers(path, `It also holds ${named.join(", ")}`);
}

async function refuseFolder(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isDirectory() === true) throw holdsOthers(path, "It is a folder");
}

function holdsOthers(path: string, reason: string): CheckpointError {
  const message = `${reason}, and is not replaced. Choose another name.`;
  return new CheckpointError("HoldsOthers", message, undefined, path);
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Every so many bytes the disk is told to begin. */
const syncedBytes = 2 ** 26;

class NodeFileWriter implements FileWriter {
  private unsynced = 0;
  /** One at a time: a failure is told once, and is not to be missed. */
  private syncing: Promise<void> | undefined;
  private failure: unknown;

  private constructor(private readonly handle: FileHandle) {}

  static async create(path: string): Promise<NodeFileWriter> {
    return new NodeFileWriter(await open(path, "wx"));
  }

  async writeAt(offset: number, bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.handle.write(bytes, done, bytes.length - done, offset + done);
      done += bytesWritten;
    }
    this.unsynced += done;
    if (this.unsynced >= syncedBytes && this.syncing === undefined) this.syncBehind();
  }

  /** The disk works while the next bytes are made, instead of after them all. */
  private syncBehind(): void {
    this.unsynced = 0;
    this.syncing = this.handle
      .datasync()
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => {
        this.syncing = undefined;
      });
  }

  async close(): Promise<void> {
    try {
      await this.syncing;
      if (this.failure !== undefined) throw this.failure;
      await this.handle.sync();
    } finally {
      await this.handle.close();
    }
  }
}

class NodeFolderOutput implements FolderOutput {
  private open = true;

  constructor(
    private readonly path: string,
    readonly temporaryPath: string,
    private readonly replace: boolean,
    private readonly files: readonly string[],
  ) {}

  create(name: string): Promise<FileWriter> {
    return NodeFileWriter.create(join(this.temporaryPath, name));
  }

  async commit(): Promise<void> {
    await syncFolder(this.temporaryPath);
    // It may have been filled since.
    await refuseOthers(this.path, this.files);
    await moveInPlace(this.temporaryPath, this.path, this.replace);
    unfinished.delete(this.temporaryPath);
    this.open = false;
  }

  async discard(): Promise<void> {
    if (this.open) await rm(this.temporaryPath, { recursive: true, force: true });
    unfinished.delete(this.temporaryPath);
  }
}

class NodeFileOutput implements FileOutput {
  private open = true;

  constructor(
    private readonly path: string,
    readonly temporaryPath: string,
    private readonly replace: boolean,
    readonly writer: FileWriter,
  ) {}

  async commit(): Promise<void> {
    await moveInPlace(this.temporaryPath, this.path, this.replace);
    unfinished.delete(this.temporaryPath);
    this.open = false;
  }

  async discard(): Promise<void> {
    if (this.open) await rm(this.temporaryPath, { force: true });
    unfinished.delete(this.temporaryPath);
  }
}

/**
 * A rename replaces files and empty folders without a word, so the place is looked at once more. What is replaced
 * is set aside first and removed last: at no moment is there nothing.
 */
async function moveInPlace(from: string, to: string, replace: boolean): Promise<void> {
  await refuseExisting(to, replace);
  const old = temporaryPathOf(to, "");
  const isReplaced = await exists(to);
  if (isReplaced) await rename(to, old);
  try {
    await rename(from, to);
  } catch (error) {
    if (isReplaced) await rename(old, to);
    throw error;
  }
  await syncFolder(dirname(to));
  if (isReplaced) await rm(old, { recursive: true, force: true });
}

/** Makes names survive a loss of power. Windows has no such call, and needs none. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(path, readFlags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
