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
  const { checksums, files } = session.checkpoint;
  if (checksums === undefined || checksums.length === 0) return [];
  const problems = new ProblemList(maxListedProblems);
  await session.withReader(async (reader) => {
    for (const { tensor, bytes, checksum } of checksums) {
      let crc = 0;
      for (let at = 0; at < bytes.byteSize; at += bytesAtOnce) {
        const length = Math.min(bytesAtOnce, bytes.byteSize - at);
        crc = crc32c.of(await reader.readRange(bytes, at, length, signal), 0, length, crc);
      }
      if (masked(crc) === checksum) continue;
      const file = files[bytes.fileIndex]?.path;
      problems.addLazily("ChecksumMismatch", () => ({
        severity: "error",
        code: "ChecksumMismatch",
        message: `${quote(tensor)} is damaged: the checksum of its bytes is not the one that was saved with it.`,
        ...(file === undefined ? {} : { file }),
        tensor,
      }));
    }
  });
  return problems.toArray();
}
