import { availableParallelism } from "node:os";
import type { Problem } from "../../core/problem/problem";
import { ProblemList } from "../../core/problem/problemList";
import type { TensorValues, ValueFindings } from "../../core/report/valueFindings";
import type { CheckpointSession } from "../../core/session/checkpointSession";
import { filesOfTensor, unreadablePart } from "../../core/tensors/assembly";
import { quote } from "../../core/text/quote";
import { NumbersPool, type NumbersPoolOptions } from "./numbersPool";
import type { ScanOutcome } from "./scan";

/** Problems of one kind that are listed; the others are counted. */
const maxListed = 200;

/** One core is left to whatever else the machine does. */
export function defaultThreads(): number {
  return Math.max(1, availableParallelism() - 1);
}

/**
 * Reads all tensors of a checkpoint for what is asked, in one pass, and ends its threads. What cannot be read is told
 * among the problems and stops nothing; of a file that changes meanwhile nothing is told but that.
 */
export async function findInTensors(
  session: CheckpointSession,
  { stats, sha256 }: { readonly stats: boolean; readonly sha256: boolean },
  options: NumbersPoolOptions = { threads: defaultThreads() },
): Promise<ValueFindings> {
  const found = new Map<number, TensorValues>();
  if (!stats && !sha256) return { tensors: found, problems: [] };
  const pool = new NumbersPool(options);
  try {
    const outcome = await pool.scan(session, undefined, {
      withHashes: sha256,
      onTensor: (index, numbers, hash) => {
        found.set(index, {
          ...(stats && numbers !== undefined ? { stats: numbers.statistics } : {}),
          ...(hash === undefined ? {} : { sha256: hash }),
        });
      },
    });
    const changed = new Set(outcome.changedFiles);
    for (const index of [...found.keys()]) {
      const tensor = session.checkpoint.tensors[index];
      if (tensor !== undefined && filesOfTensor(tensor).some((file) => changed.has(file)))
        found.delete(index);
    }
    return { tensors: found, problems: problemsOf(session, outcome) };
  } finally {
    await pool.dispose();
  }
}

function problemsOf(
  { checkpoint: { tensors, files } }: CheckpointSession,
  { unreadable, changedFiles }: ScanOutcome,
): readonly Problem[] {
  const problems = new ProblemList(maxListed);
  for (const { index, reason } of unreadable) {
    const tensor = tensors[index];
    // Which pieces are missing was found when the folder was opened, and is told there.
    if (tensor === undefined || unreadablePart(tensor) !== undefined) continue;
    const { name } = tensor;
    const message = `${quote(name)} could not be read: ${reason}`;
    problems.add({ severity: "error", code: "UnreadableTensor", message, tensor: name });
  }
  for (const index of changedFiles) {
    const message = "The file changed while it was read: nothing is told of its values.";
    problems.add({ severity: "error", code: "FileChanged", message, file: files[index]?.path ?? "" });
  }
  return problems.toArray();
}
