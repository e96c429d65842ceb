import { faultOfCheckpoint, faultOfRun } from "../../../progress/trainingFaults";
import { logsOf, type RunDraft, type RunMember } from "../runDraft";

/** Marks a training that no longer learns, and every checkpoint that it saved from then on. */
export function tellFaults(draft: RunDraft): void {
  const newest = logsOf(draft)[0]?.log;
  for (const one of draft.members) {
    const { facts, problems } = one;
    for (const fault of (facts.log ?? newest)?.faults ?? []) {
      if (facts.step === undefined || facts.step < fault.from || isBestFrom(one, fault.from)) continue;
      problems.push(faultOfCheckpoint(fault, facts.candidate.path));
    }
  }
  const file = draft.folder.path;
  for (const fault of newest?.faults ?? []) draft.problems.push(faultOfRun(fault, file));
  for (const oddity of newest?.oddities ?? []) draft.problems.push({ ...oddity, file });
  for (const fault of newest?.evaluationFaults ?? []) draft.problems.push({ ...fault, file });
}

/** The final model may be the best, which the trainer loaded at the end (`load_best_model_at_end`). */
function isBestFrom({ final, facts }: RunMember, from: number): boolean {
  const step = facts.log?.best?.step;
  return final && step !== undefined && step < from;
}
