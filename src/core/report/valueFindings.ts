import type { TensorStatistics } from "../analysis/statisticColumns";
import type { Problem } from "../problem/problem";
import { ProblemList } from "../problem/problemList";
import type { CheckpointSession } from "../session/checkpointSession";
import { filesOfTensor, unreadablePart } from "../tensors/assembly";
import { quote } from "../text/quote";

/** Problems of one kind that are listed; the others are counted. */
const maxListed = 200;

/** What was found in a tensor's bytes. */
export interface TensorValues {
  readonly stats?: TensorStatistics;
  /** Of its contiguous, little-endian bytes. */
  readonly sha256?: string;
}

/** What reading the tensors of a checkpoint gave, and what of them could not be read. */
export interface ValueFindings {
  /** By the index of the tensor; those that could not be read are left out. */
  readonly tensors: ReadonlyMap<number, TensorValues>;
  readonly problems: readonly Problem[];
  /** Statistics of packed weights are of their codes. */
  readonly ofCodes?: boolean;
}

/** What a pass over tensors gave, before anything is said of it. */
export interface TensorsRead {
  /** By the index of the tensor. */
  readonly tensors: ReadonlyMap<number, TensorValues>;
  /** Tensors whose bytes could not be had, with the reason. */
  readonly unreadable: readonly { readonly index: number; readonly reason: string }[];
  /** Indexes of files that changed meanwhile: what was found in them means nothing. */
  readonly changedFiles: readonly number[];
}

/** What is told of tensors that were read. What could not be read is told among the problems and stops nothing. */
export function findingsOfRead(
  { checkpoint: { tensors, files } }: CheckpointSession,
  { tensors: read, unreadable, changedFiles }: TensorsRead,
  ofCodes: boolean,
): ValueFindings {
  const changed = new Set(changedFiles);
  const sound = new Map(
    [...read].filter(([index]) => {
      const tensor = tensors[index];
      return tensor === undefined || !filesOfTensor(tensor).some((file) => changed.has(file));
    }),
  );
  const lost = unreadable.flatMap(({ index, reason }) => {
    const tensor = tensors[index];
    // Which pieces are missing was found when the folder was opened, and is told there.
    return tensor === undefined || unreadablePart(tensor) !== undefined
      ? []
      : [{ name: tensor.name, reason }];
  });
  const problems = readingProblems(
    lost,
    changedFiles.map((index) => files[index]?.path ?? ""),
  );
  return { tensors: sound, problems, ofCodes };
}

/** Of tensors whose bytes could not be had, and of files that changed while they were read. */
export function readingProblems(
  unreadable: readonly { readonly name: string; readonly reason: string }[],
  changedFiles: readonly string[],
): readonly Problem[] {
  const problems = new ProblemList(maxListed);
  for (const { name, reason } of unreadable) {
    const message = `${quote(name)} could not be read: ${reason}`;
    problems.add({ severity: "error", code: "UnreadableTensor", message, tensor: name });
  }
  for (const file of changedFiles) {
    const message = "The file changed while it was read: nothing is told of its values.";
    problems.add({ severity: "error", code: "FileChanged", message, file });
  }
  return problems.toArray();
}

/** Reads every tensor of a checkpoint for its statistics. */
export type ReadValues = (session: CheckpointSession) => Promise<ValueFindings>;
