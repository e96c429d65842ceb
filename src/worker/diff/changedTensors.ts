import { crc32c, masked } from "../../core/bytes/checksums/crc32";
import { maxListedProblems } from "../../core/problem/limits";
import type { Problem } from "../../core/problem/problem";
import { ProblemList } from "../../core/problem/problemList";
import type { CheckpointSession } from "../../core/session/checkpointSession";
import { quote } from "../../core/text/quote";

const bytesAtOnce = 4_000_000;

/** Reads the tensors with which checksums were saved, and tells those whose bytes are not the ones that were saved. */
export async function changedTensors(
  session: CheckpointSession,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const { checksums, tensors, files } = session.checkpoint;
  if (checksums === undefined || checksums.size === 0) return [];
  const problems = new ProblemList(maxListedProblems);
  await session.withReader(async (reader) => {
    for (const tensor of tensors) {
      const { name, byteSize, layout, assembly, fileIndex } = tensor;
      const stored = checksums.get(name);
      // What has a layout has no bytes of its own, as texts, or is told already.
      if (stored === undefined || layout !== undefined || assembly !== undefined) continue;
      let crc = 0;
      for (let at = 0; at < byteSize; at += bytesAtOnce) {
        const length = Math.min(bytesAtOnce, byteSize - at);
        crc = crc32c.of(await reader.readRange(tensor, at, length, signal), 0, length, crc);
      }
      if (masked(crc) === stored) continue;
      problems.addLazily("ChecksumMismatch", () => ({
        severity: "error",
        code: "ChecksumMismatch",
        message: `${quote(name)} is damaged: the checksum of its bytes is not the one that was saved with it.`,
        ...(files[fileIndex] === undefined ? {} : { file: files[fileIndex].path }),
        tensor: name,
      }));
    }
  });
  return problems.toArray();
}
