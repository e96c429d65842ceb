import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import type { ScanFindings } from "../core/analysis/scanFindings";
import type { ScanChunk } from "../core/analysis/scanTable";
import type { CheckpointSession } from "../core/session/checkpointSession";
import { nodeFiles, readFlags } from "./nodeFiles";
import { toolVersion } from "./toolVersion";

/** Of all scans in a folder; the ones that were not asked for the longest make room. */
const maxFolderBytes = 128 * 2 ** 20;
/** 300,000 tensors. */
const maxScanBytes = 48 * 2 ** 20;

const ending = ".scan";

/** A scan that ended, as it is kept from one session to the next. */
interface KeptScan {
  /** Of the program, the checkpoint's files and the packed weights in them. */
  readonly identity: string;
  readonly measuredMs: number;
  readonly chunks: readonly ScanChunk[];
  readonly findings: ScanFindings;
}

/** The scans of one checkpoint that are kept in a folder; its files must be what they were. */
export class KeptScans {
  private constructor(
    private readonly folder: string,
    private readonly file: string,
    private readonly identityNow: () => Promise<string | undefined>,
    private readonly identity: string,
  ) {}

  /** Undefined where there is no telling whether the files are still the same. */
  static async of(
    session: CheckpointSession,
    ofCodes: boolean,
    folder: string,
  ): Promise<KeptScans | undefined> {
    if (session.files !== nodeFiles) return undefined;
    const identityNow = () => identityOf(session);
    const identity = await identityNow();
    if (identity === undefined) return undefined;
    const name = createHash("sha256").update(`${ofCodes}\0${session.checkpoint.path}`).digest("hex");
    return new KeptScans(folder, join(folder, `${name.slice(0, 32)}${ending}`), identityNow, identity);
  }

  async find(): Promise<KeptScan | undefined> {
    try {
      const kept: KeptScan = deserialize(await readFile(this.file, { flag: readFlags }));
      if (kept.identity !== this.identity) return undefined;
      const now = new Date();
      await utimes(this.file, now, now);
      return kept;
    } catch {
      return undefined; // there is none, or it is damaged: the checkpoint is measured
    }
  }

  /** Nothing is kept of files that changed meanwhile. What cannot be written is not kept, and nobody misses it. */
  async keep(chunks: readonly ScanChunk[], findings: ScanFindings): Promise<void> {
    const kept: KeptScan = { identity: this.identity, measuredMs: Date.now(), chunks, findings };
    const data = serialize(kept);
    if (data.length > maxScanBytes || (await this.identityNow()) !== this.identity) return;
    const temporary = `${this.file}.${process.pid}.tmp`;
    try {
      await mkdir(this.folder, { recursive: true });
      await writeFile(temporary, data);
      await rename(temporary, this.file);
      await makeRoom(this.folder);
    } catch {
      await rm(temporary, { force: true }).catch(() => undefined);
    }
  }
}

async function identityOf(session: CheckpointSession): Promise<string | undefined> {
  const { weights } = await session.packedCodes();
  const hash = createHash("sha256").update(`${toolVersion}\0${session.checkpoint.tensors.length}`);
  for (const { path } of session.checkpoint.files) {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    if (found === undefined) return undefined;
    // A copy that keeps the time of change still has a new time of its status.
    hash.update(`\0${path}\0${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`);
  }
  // Settings beside the weights say how they are packed.
  for (const { scheme, shape } of weights.values()) hash.update(`\0${scheme}\0${shape}`);
  return hash.digest("hex");
}

async function makeRoom(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(ending));
  const files = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(folder, name));
      return { path: join(folder, name), size, mtimeMs };
    }),
  );
  let bytes = 0;
  for (const { path, size } of files.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
    bytes += size;
    if (bytes > maxFolderBytes) await rm(path, { force: true });
  }
}
