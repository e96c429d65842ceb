import { availableParallelism } from "node:os";
import { CheckpointError } from "../../core/problem/checkpointError";
import type { FindingsOfTensors, TensorFindings } from "../../core/report/inspectReport";
import type { CheckpointSession } from "../../core/session/checkpointSession";
import { NumbersPool, type NumbersPoolOptions } from "./numbersPool";

/** One core is left to whatever else the machine does. */
export function defaultThreads(): number {
  return Math.max(1, availableParallelism() - 1);
}

/**
 * Reads all tensors of a checkpoint for what is asked, in one pass, and ends its threads.
 * @throws CheckpointError where a file changes meanwhile: nothing that was found is certain then.
 */
export async function findInTensors(
  session: CheckpointSession,
  { stats, sha256 }: { readonly stats: boolean; readonly sha256: boolean },
  options: NumbersPoolOptions = { threads: defaultThreads() },
): Promise<FindingsOfTensors> {
  const findings = new Map<number, TensorFindings>();
  if (!stats && !sha256) return findings;
  const pool = new NumbersPool(options);
  try {
    const { changedFiles } = await pool.scan(session, undefined, {
      withHashes: sha256,
      onTensor: (index, numbers, hash) => {
        findings.set(index, {
          ...(stats && numbers !== undefined ? { stats: numbers.statistics } : {}),
          ...(hash === undefined ? {} : { sha256: hash }),
        });
      },
    });
    const [changed] = changedFiles;
    if (changed !== undefined) {
      const path = session.checkpoint.files[changed]?.path;
      throw new CheckpointError("FileChanged", "The file changed while it was read.", undefined, path);
    }
    return findings;
  } finally {
    await pool.dispose();
  }
}
