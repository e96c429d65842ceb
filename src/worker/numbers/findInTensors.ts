import { availableParallelism } from "node:os";
import type { TensorNumbers } from "../../core/analysis/tensorNumbers";
import { usualThreads } from "../../core/analysis/usualThreads";
import {
  findingsOfRead,
  type TensorsRead,
  type TensorValues,
  type ValueFindings,
} from "../../core/report/valueFindings";
import type { CheckpointSession } from "../../core/session/checkpointSession";
import type { Tensor } from "../../core/tensors/tensor";
import { NumbersPool, type NumbersPoolOptions } from "./numbersPool";
import type { ScanOutcome } from "./scan";

export function defaultThreads(): number {
  return usualThreads(availableParallelism());
}

export interface WantedFindings {
  readonly stats: boolean;
  /** Of what is stored. */
  readonly sha256: boolean;
  /** Statistics are of the codes of packed weights, not of the values that these stand for. */
  readonly ofCodes?: boolean;
}

/**
 * Reads tensors of a checkpoint, all of them unless `indexes` says which, and ends its threads; a byte is read once,
 * but for packed weights that are hashed too.
 */
export async function readTensors(
  session: CheckpointSession,
  { stats, sha256, ofCodes = false }: WantedFindings,
  options: NumbersPoolOptions = { threads: defaultThreads() },
  indexes?: readonly number[],
): Promise<TensorsRead> {
  const found = new Map<number, TensorValues>();
  if (!stats && !sha256) return { tensors: found, unreadable: [], changedFiles: [] };
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
    let outcome = await pool.scan(session, indexes, { ...asked, withHashes: sha256 });
    if (sha256 && packed !== undefined) {
      const { tensors } = session.checkpoint;
      const isPacked = (index: number) => packed.weights.has(tensors[index] as Tensor);
      const codes = [...(indexes ?? tensors.keys())].filter(isPacked);
      // What was said of the codes is not what is said of the weights.
      for (const index of codes) found.set(index, withoutStats(found.get(index)));
      outcome = mergeOutcomes(outcome, await pool.scan(session, codes, asked));
    }
    return { tensors: found, unreadable: outcome.unreadable, changedFiles: outcome.changedFiles };
  } finally {
    await pool.dispose();
  }
}

/** Reads all tensors of a checkpoint for what is asked, and tells what was found. */
export async function findInTensors(
  session: CheckpointSession,
  wanted: WantedFindings,
  options?: NumbersPoolOptions,
): Promise<ValueFindings> {
  return findingsOfRead(session, await readTensors(session, wanted, options), wanted.ofCodes ?? false);
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
