import type { Files } from "../../../bytes/files";
import { identicalFiles } from "../../../bytes/identicalFiles";
import { limitedFiles, ReadAllowance, ReadLimitError } from "../../../bytes/limitedFiles";
import { formatCount, formatNumber } from "../../../text/quantities";
import type { RunDraft, RunMember } from "../runDraft";

/** Read in all, to compare files of one size: a search is no check sum of a disk. */
const maxComparedBytes = 64_000_000;

/** Files of one run that are compared. */
const maxCompared = 64;

/**
 * Tells of single files of one run that are the same byte for byte: `best.pt` beside the epoch it was copied from,
 * `…-v1.ckpt` beside its twin. Says nothing of files that were not compared to their ends.
 */
export async function tellIdenticalFiles(
  files: Files,
  drafts: readonly RunDraft[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const limited = limitedFiles(
    files,
    new ReadAllowance(maxComparedBytes),
    new ReadAllowance(maxComparedBytes),
  );
  let isSpent = false;
  for (const { kind, members } of drafts) {
    if (kind !== "files") continue;
    for (const [size, alike] of isSpent ? [] : bySize(members)) {
      try {
        const byPath = new Map(alike.map((one) => [one.facts.candidate.path, one]));
        for (const same of await identicalFiles(limited, [...byPath.keys()], size, { signal }))
          tell(same.flatMap((path) => byPath.get(path) ?? []));
      } catch (error) {
        signal?.throwIfAborted();
        isSpent ||= error instanceof ReadLimitError;
      }
    }
    tellVersions(members);
  }
}

/** Lightning's `x-v1.ckpt`: a name was taken, by an earlier save or by another training in the same folder. */
function tellVersions(members: readonly RunMember[]): void {
  const names = new Map(members.map((one) => [one.name, one]));
  for (const one of members) {
    const [, stem, ending] = /^(.+)-v\d{1,4}(\.ckpt)$/.exec(one.name) ?? [];
    const first = names.get(`${stem}${ending}`);
    if (first === undefined || one.problems.some(({ code }) => code === "IdenticalFiles")) continue;
    const [own, others] = [momentOf(one), momentOf(first)];
    const message =
      own === others
        ? `${first.name} was there already: another save of the same moment, or another training in the same folder.`
        : `${first.name} was there already: it is of ${others}, this of ${own}.`;
    one.problems.push({ severity: "info", code: "NameTaken", message, file: one.facts.candidate.path });
  }
}

function momentOf({ facts: { step, stepIsOptimizers, epoch } }: RunMember): string {
  if (step !== undefined && (stepIsOptimizers !== true || epoch === undefined))
    return `step ${formatCount(step)}`;
  return epoch === undefined ? "a moment that it does not tell" : `epoch ${formatNumber(epoch)}`;
}

/** Of files that are one checkpoint each; of shards the index alone would be compared. */
function bySize(members: readonly RunMember[]): [number, RunMember[]][] {
  const sizes = new Map<number, RunMember[]>();
  for (const one of members.slice(0, maxCompared)) {
    const { candidate, byteSize } = one.facts;
    if (candidate.fileNames.length !== 1 || byteSize === 0) continue;
    sizes.set(byteSize, [...(sizes.get(byteSize) ?? []), one]);
  }
  return [...sizes].filter(([, alike]) => alike.length > 1);
}

function tell(same: readonly RunMember[]): void {
  for (const one of same) {
    const others = same.filter((other) => other !== one).map(({ name }) => name);
    const message = `Byte for byte the same as ${others.join(", ")}.`;
    one.problems.push({ severity: "info", code: "IdenticalFiles", message, file: one.facts.candidate.path });
  }
}
