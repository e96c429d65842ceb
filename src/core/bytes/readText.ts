import { CheckpointError } from "../problem/checkpointError";
import { formatBytes } from "../text/quantities";
import type { Files } from "./files";

/**
 * A small text file whole, as UTF-8; damaged characters are replaced, a byte order mark is dropped.
 * @throws CheckpointError `FileTooLarge` beyond `maxBytes`.
 */
export async function readText(
  files: Files,
  path: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<string> {
  const source = await files.open(path);
  try {
    if (source.size > maxBytes) {
      const message = `The file has ${formatBytes(source.size)}; it is read up to ${formatBytes(maxBytes)}.`;
      throw new CheckpointError("FileTooLarge", message, undefined, path);
    }
    return new TextDecoder("utf-8").decode(await source.read(0, source.size, signal));
  } finally {
    await source.close();
  }
}
