import { availableParallelism } from "node:os";
import type { TensorNumbers } from "../../core/analysis/tensorNumbers";
import type { Problem } from "../../core/problem/problem";
import { ProblemList } from "../../core/problem/problemList";
import type { TensorValues, ValueFindings } from "../../core/report/valueFindings";
import type { CheckpointSession } from "../../core/session/checkpointSession";
import { filesOfTensor, unreadablePart } from "../../core/tensors/assembly";
import type { Tensor } from "../../core/tensors/tensor";
import { quote } from "../../core/text/quote";
import { NumbersPool, type NumbersPoolOptions } from "./numbersPool";
import type { ScanOutcome } from "./scan";

/** Problems of one kind that are listed; the others are counted. */
const maxListed = 200;

/** One core is left to whatever else the machine does. */
export function defaultThreads(): number {
  return Math.max(1, availableParallelism() - 1);
}

export interface WantedFindings {
  readonly stats: boolean;
  /** Of what is stored. */
  readonly sha256: boolean;
  /** Statistics are of the codes of packed weights, not of the values that these stand for. */
  readonly ofCodes?: boolean;
}

/**
 * Reads all tensors of a checkpoint for what is asked and ends its threads; a byte is read once, but for packed
 * weights that are hashed too. What cannot be read is told among the problems and stops nothing; of a file that
 * changes meanwhile nothing is told but that.
 */
export async function findInTensors(
  session: CheckpointSession,
  { stats, sha256, ofCodes = false }: WantedFindings,
  options: NumbersPoolOptions = { threads: defaultThreads() },
): Promise<ValueFindings> {
  const found = new Map<number, TensorValues>();
  if (!stats && !sha256) return { tensors: found, problems: [] };
  const pool = new NumbersPool(options);
  try {
    const packed = stats && !ofCodes ? await session.packedCodes() : undefined;
    const onTensor = (index: number, numbers: TensorNumbers | undefined, hash?: string) => {
      found.set(index, {
        ...found.get(index),
        ...(stats && numbers !== undefined ? { stats: numbers.statistics } : {}),
        ...(hash === undefined ? {} : { sha256: hash }),
      });
    };
    const asked = { onTensor, ...(packed === undefined ? {} : { packed }) };
    let outcome = await pool.scan(session, undefined, { ...asked, withHashes: sha256 });
    if (sha256 && packed !== undefined) {
      const { tensors } = session.checkpoint;
      const codes = [...tensors.keys()].filter((index) => packed.weights.has(tensors[index] as Tensor));
      // What was said of the codes is not what is said of the weights.
      for (const index of codes) found.set(index, withoutStats(found.get(index)));
      const again = await pool.scan(session, codes, asked);
      outcome = mergeOutcomes(outcome, again);
    }
    const changed = new Set(outcome.changedFiles);
    for (const index of [...found.keys()]) {
      const tensor = session.checkpoint.tensors[index];
      if (tensor !== undefined && filesOfTensor(tensor).some((file) => changed.has(file)))
        found.delete(index);
    }
    return { tensors: found, problems: problemsOf(session, outcome), ofCodes };
  } finally {
    await pool.dispose();
  }
}

function withoutStats({ sha256 }: TensorValues = {}): TensorValues {
  return sha256 === undefined ? {} : { sha256 };
}

/** Of two scans of one checkpoint. A tensor that neither could read is told once. */
function mergeOutcomes(a: ScanOutcome, b: ScanOutcome): ScanOutcome {
  const told = new Set(a.unreadable.map(({ index }) => index));
  return {
    measured: a.measured,
    unreadable: [...a.unreadable, ...b.unreadable.filter(({ index }) => !told.has(index))],
    changedFiles: [...new Set([...a.changedFiles, ...b.changedFiles])],
    bytes: a.bytes + b.bytes,
  };
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
