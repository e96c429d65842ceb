import { FormatError } from "../formats/formatError";
import { formatBytes } from "../text/quantities";
import type { Files } from "./files";

/**
 * A small text file whole, as UTF-8; damaged characters are replaced, a byte order mark is dropped.
 * @throws FormatError `FileTooLarge` beyond `maxBytes`.
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
      throw new FormatError("FileTooLarge", message, undefined, path);
    }
    return new TextDecoder("utf-8").decode(await source.read(0, source.size, signal));
  } finally {
    await source.close();
  }
}
