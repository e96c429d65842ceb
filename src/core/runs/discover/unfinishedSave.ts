import { type Part, partLabels } from "../../parts/parts";
import type { Problem } from "../../problem/problem";
import type { RunDraft, RunMember } from "./runDraft";

/** What a trainer writes after the weights, in this order. */
const writtenLater: readonly Part[] = ["optimizer", "scheduler", "rng-state", "trainer-state"];

/**
 * Marks the newest step folder of a training that lacks what every other one has: its save was interrupted, or
 * still goes on. Of older ones people delete the optimizer, to save room.
 */
export function markUnfinished({ members }: RunDraft): void {
  const steps = members.filter(({ facts }) => facts.candidate.moment.step !== undefined && !facts.incomplete);
  const newest = steps.reduce<RunMember | undefined>(
    (best, one) => (stepOf(one) >= (best === undefined ? 0 : stepOf(best)) ? one : best),
    undefined,
  );
  if (newest === undefined || newest.facts.candidate.kind !== "folder") return;
  const home = newest.facts.candidate.folder.parent;
  const others = steps.filter((one) => one !== newest && one.facts.candidate.folder.parent === home);
  const problem = describeMissing(newest, others);
  if (problem === undefined) return;
  const facts = { ...newest.facts, incomplete: true };
  members[members.indexOf(newest)] = { ...newest, facts, problems: [...newest.problems, problem] };
}

function describeMissing(newest: RunMember, others: readonly RunMember[]): Problem | undefined {
  if (others.length === 0) return undefined;
  const own = partsOf(newest);
  const usual = others.map(partsOf);
  const missing = writtenLater.filter((part) => !own.has(part) && usual.every((parts) => parts.has(part)));
  if (missing.length === 0) return undefined;
  const message =
    `${newest.name} has no ${missing.map((part) => partLabels[part]).join(", no ")}, ` +
    "which every other checkpoint of its training has: the save did not finish. Resume from an earlier one.";
  return { severity: "warning", code: "UnfinishedSave", message, file: newest.facts.candidate.path };
}

function partsOf({ facts }: RunMember): Set<Part> {
  return new Set(facts.parts.flatMap(({ part, alsoHolds }) => [part, ...alsoHolds]));
}

function stepOf({ facts }: RunMember): number {
  return facts.candidate.moment.step ?? -1;
}
