import { Checksum } from "../bytes/checksums/checksum";
import type { Files } from "../bytes/files";
import { baseName } from "../bytes/paths";
import { readAhead } from "../bytes/readAhead";
import { readCheckpointFile } from "../formats/readFile";
import type { WrittenTensor } from "../formats/safetensors/write";
import { CheckpointError } from "../problem/checkpointError";

const pieceBytes = 1024 * 1024;

/** @throws CheckpointError `WrongResult` where the file on the disk is not, byte by byte, what was written. */
export async function readBack(
  files: Files,
  path: string,
  written: readonly WrittenTensor[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const meant = new Map(written.map((tensor) => [tensor.name, tensor]));
  const source = await files.open(path);
  try {
    const { tensors } = await readCheckpointFile(source, path, baseName(path), signal);
    if (tensors.length !== written.length) throw wrongResult(`${tensors.length} tensors`);
    for (const { name, dtype, shape, offset: begin, byteSize } of tensors) {
      const own = meant.get(name);
      if (own?.dtype !== dtype || own.shape.join() !== shape.join()) throw wrongResult(name);
      const sum = new Checksum();
      const readPiece = (offset: number, spare?: Uint8Array) =>
        source.read(begin + offset, Math.min(pieceBytes, byteSize - offset), signal, spare);
      for await (const [, piece] of readAhead(byteSize, pieceBytes, readPiece)) {
        signal?.throwIfAborted();
        sum.add(piece);
      }
      if (sum.value !== own.sum) throw wrongResult(name);
    }
  } finally {
    await source.close();
  }
}

function wrongResult(what: string): CheckpointError {
  const message = `What was written was read back and is not what was meant: ${what}. Nothing was kept.`;
  return new CheckpointError("WrongResult", message);
}
