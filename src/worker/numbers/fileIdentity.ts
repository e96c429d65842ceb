import { stat } from "node:fs/promises";

/**
 * Which content a path had: another size, another time of change or another file under the name (a rename over it)
 * gives another text. Undefined where there is no file.
 */
export async function fileIdentity(path: string): Promise<string | undefined> {
  try {
    const { size, mtimeNs, ino, dev } = await stat(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}`;
  } catch {
    return undefined;
  }
}
