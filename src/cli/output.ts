import { printable, printableLines } from "../core/text/printable";

/** A chunk of this size is written at once: a system call a line would take minutes for a million tensors. */
const chunkLength = 64 * 1024;

/**
 * Prints text and ends its last line. Whatever it is made of, nothing in it moves the cursor or colours the
 * terminal. Waits until it is written: an exit would cut what a pipe has not taken yet.
 */
export async function print(text: string | Iterable<string>): Promise<void> {
  let pending = "";
  let isLineOpen = false;
  for (const piece of typeof text === "string" ? [text] : text) {
    pending += piece;
    if (piece !== "") isLineOpen = !piece.endsWith("\n");
    if (pending.length < chunkLength) continue;
    await write(pending);
    pending = "";
  }
  await write(isLineOpen ? `${pending}\n` : pending);
}

/** Tells something beside the output. One line, whatever is in it: a name with a line break forges none of its own. */
export function warn(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

function write(text: string): Promise<void> {
  return new Promise((done) => process.stdout.write(printableLines(text), () => done()));
}
