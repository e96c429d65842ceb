import { compareNames } from "../../../tensors/nameOrder";
import { hashText } from "../logDigest";
import type { RunDraft, RunMember } from "../runDraft";

interface Located {
  readonly draft: RunDraft;
  readonly member: RunMember;
}

/**
 * Tells of checkpoints that were copied to another folder: same step, same log, same adapter, same size.
 * People keep the best one as `final-model` and later wonder which step it was.
 */
export function tellCopies(drafts: readonly RunDraft[]): void {
  const byContent = new Map<string, Located[]>();
  for (const draft of drafts) {
    for (const member of draft.members) {
      const key = contentKey(member);
      if (key !== undefined) byContent.set(key, [...(byContent.get(key) ?? []), { draft, member }]);
    }
  }
  for (const located of byContent.values()) {
    const [original, ...copies] = located.sort(compareOrigins);
    if (original === undefined) continue;
    for (const { draft, member } of copies) {
      // The final model of a run is what its last checkpoint was.
      if (member.final && draft === original.draft) continue;
      const message = `A copy of ${placeOf(original)}: the same step, log and adapter settings.`;
      const file = member.facts.candidate.path;
      member.problems.push({ severity: "info", code: "CopiedCheckpoint", message, file });
    }
  }
}

function contentKey({ facts }: RunMember): string | undefined {
  const { log, adapter, parts, mainFile } = facts;
  if (log?.globalStep === undefined || log.hashes.length === 0 || mainFile === undefined) return undefined;
  const weightBytes = parts
    .filter(({ part }) => part === "weights" || part === "adapter")
    .map(({ size }) => size);
  const logHash = hashText(log.hashes.join(" "));
  const adapterHash = hashText(adapter?.text ?? "");
  return JSON.stringify([
    log.globalStep,
    log.maxSteps ?? null,
    log.hashes.length,
    logHash,
    adapterHash,
    weightBytes,
  ]);
}

/** The folder that is named after the step is where the trainer wrote it. */
function compareOrigins(a: Located, b: Located): number {
  const named = ({ member: { facts } }: Located) =>
    Number(
      facts.candidate.moment.step !== facts.log?.globalStep || facts.candidate.moment.step === undefined,
    );
  return named(a) - named(b) || compareNames(placeOf(a), placeOf(b), "/");
}

function placeOf({ member }: Located): string {
  return [...member.facts.candidate.folder.lineage].reverse().join("/");
}
