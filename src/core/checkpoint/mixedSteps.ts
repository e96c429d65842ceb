import type { Files } from "../bytes/files";
import type { RankStep } from "../formats/folderFormat";
import { formatCount, plural } from "../text/quantities";
import type { Checkpoint } from "./checkpoint";
import { readScalars } from "./readScalars";
import { TensorReader } from "./tensorReader";

/** Each rank's count may be a read of its own. */
const maxSteps = 4096;

/** What ranks of one save must count alike and do not, a sentence for each count. Reads the numbers that are tensors. */
export async function mixedSteps(
  { rankSteps = [], files }: Checkpoint,
  reader: TensorReader,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const listed = rankSteps.slice(0, maxSteps);
  const tensors = listed.flatMap(({ step }) => (typeof step === "number" ? [] : [step]));
  const numbers = await readScalars(reader, tensors, signal);
  const byCounter = new Map<string, Map<number, RankStep[]>>();
  for (const rank of listed) {
    const step = typeof rank.step === "number" ? rank.step : numbers.get(rank.step);
    if (step === undefined || !Number.isFinite(step)) continue;
    const counts = byCounter.get(rank.counter) ?? new Map<number, RankStep[]>();
    counts.set(step, [...(counts.get(step) ?? []), rank]);
    byCounter.set(rank.counter, counts);
  }
  return [...byCounter].flatMap(([counter, counts]): string[] => {
    if (counts.size < 2) return [];
    const told = [...counts]
      .sort(([, a], [, b]) => b.length - a.length)
      .slice(0, 4)
      .map(([step, ranks]) => {
        const name = files[ranks[0]?.fileIndex ?? 0]?.name ?? "?";
        const more = ranks.length > 1 ? ` and ${plural(ranks.length - 1, "other file")}` : "";
        return `${formatCount(step)} in ${name}${more}`;
      });
    const more = counts.size > told.length ? `, and ${counts.size - told.length} other counts` : "";
    return [
      `The ranks are of different moments: ${counter} is ${told.join(", ")}${more}. Joined, they are no state that the training was ever in.`,
    ];
  });
}

/** What the files of a folder's ranks count differently: a sentence. */
export async function mixedRanks(
  files: Files,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if ((checkpoint.rankSteps ?? []).length < 2) return undefined;
  const reader = new TensorReader(files, checkpoint);
  try {
    return (await mixedSteps(checkpoint, reader, signal))[0];
  } finally {
    await reader.close();
  }
}
