import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import type { ParsedFile } from "../format";
import { pickle } from "./plainPickle";
import { openArchive } from "./torchArchive";
import { parsedFile } from "./torchParsed";
import { torchZip } from "./torchZip";
import { readTorchZip } from "./torchZipStream";

/** The pickle of one tensor, the small members and the header before its values. */
const headBytes = 4096;

/** The directory of an archive of one tensor; a longer one is looked for farther back. */
const tailBytes = 4096;

/**
 * Reads a file of torch.save, or a plain pickle, that is a part of another file. Its values stay where they are.
 * @throws CheckpointError where it is neither.
 */
export async function readTorchSlice(source: ByteSource, signal?: AbortSignal): Promise<ParsedFile> {
  const head = await source.read(0, Math.min(source.size, headBytes), signal);
  if (torchZip.matches(head)) {
    const archive = await openArchive(source, head, undefined, signal, tailBytes);
    return parsedFile(source, await readTorchZip(archive, signal), { format: "torch-zip" }, signal);
  }
  if (pickle.matches(head)) return pickle.parse(source, head, signal);
  throw new CheckpointError("NotTorch", "It is neither an archive of torch.save nor a pickle.", 0);
}
