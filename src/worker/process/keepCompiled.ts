import { readdir, rm } from "node:fs/promises";
import * as nodeModule from "node:module";
import { basename, dirname, join } from "node:path";
import { compiledPrefix } from "../../protocol/compiledFolder";

/** By then what a first file needs has been compiled. */
const afterMs = 8000;

/**
 * Has the next process of this kind find its code compiled: reading it again costs it more than half of its start. The
 * extension names the folder in NODE_COMPILE_CACHE; a Node before 22 does nothing with it. What an earlier version kept
 * is deleted.
 */
export function keepCompiled(folder: string | undefined): void {
  if (folder === undefined || !basename(folder).startsWith(compiledPrefix)) return;
  const keep = async () => {
    // Else only an orderly end writes it, and this process is ended.
    (nodeModule as { flushCompileCache?: () => void }).flushCompileCache?.();
    const others = (await readdir(dirname(folder))).filter(
      (name) => name.startsWith(compiledPrefix) && name !== basename(folder),
    );
    for (const name of others) await rm(join(dirname(folder), name), { recursive: true, force: true });
  };
  // It is a convenience: a folder that cannot be written is no reason to fail.
  setTimeout(() => void keep().catch(() => undefined), afterMs).unref();
}
