import type { JobControl, Piece, PieceResult } from "./numbersJob";
import type { ThreadPool } from "./threadPool";

/** Ranges of files that one thread measures. */
export interface PlannedJob {
  readonly paths: readonly string[];
  readonly steps: readonly { readonly piece: Piece }[];
}

/** Keeps all threads busy with jobs until there are no more, and takes what they find. */
export async function runPlannedJobs<J extends PlannedJob>(
  threads: ThreadPool,
  control: JobControl,
  urgent: boolean | undefined,
  jobs: Iterable<J>,
  take: (job: J, results: readonly PieceResult[]) => void,
): Promise<void> {
  const iterator = jobs[Symbol.iterator]();
  const runner = async () => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      if (control.isCancelled) return;
      const { paths, steps } = next.value;
      const pieces = steps.map(({ piece }) => piece);
      const results = await threads.run({ kind: "measure", paths, control, pieces }, urgent);
      if (!control.isCancelled) take(next.value, results);
    }
  };
  await Promise.all(Array.from({ length: threads.width }, runner));
}
