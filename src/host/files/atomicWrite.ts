import { randomBytes } from "node:crypto";
import { link, open, rename, unlink } from "node:fs/promises";

/**
 * Writes a new file so that a reader finds either all of it or nothing: temporary name, fsync, then its name.
 * @throws an error with code `EEXIST` when the file is there and `replace` is false.
 */
export async function atomicWrite(
  path: string,
  content: string | Uint8Array,
  replace: boolean,
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  const handle = await open(temporary, "wx");
  try {
    try {
      await handle.writeFile(content, "utf8");
      await handle.sync();
    } finally {
      await handle.close();
    }
    // link fails where the name is taken, which rename would silently replace.
    await (replace ? rename(temporary, path) : link(temporary, path));
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}
