import { capitalised } from "../../../text/capitalised";
import { logsOf, type RunDraft, type RunMember } from "../runDraft";

/** Marks a training that no longer learns, and every checkpoint that it saved from then on. */
export function tellFaults(draft: RunDraft): void {
  const newest = logsOf(draft)[0]?.log;
  for (const one of draft.members) {
    const { facts, problems } = one;
    for (const { code, from, what, told } of (facts.log ?? newest)?.faults ?? []) {
      if (facts.step === undefined || facts.step < from || isBestFrom(one, from)) continue;
      const message = `Saved after ${what}: ${told}.`;
      problems.push({ severity: "warning", code, message, file: facts.candidate.path });
    }
  }
  const file = draft.folder.path;
  for (const { code, what, told } of newest?.faults ?? [])
    draft.problems.push({ severity: "warning", code, message: `${capitalised(what)}: ${told}.`, file });
  for (const fault of newest?.evaluationFaults ?? []) draft.problems.push({ ...fault, file });
}

/** The final model may be the best, which the trainer loaded at the end (`load_best_model_at_end`). */
function isBestFrom({ final, facts }: RunMember, from: number): boolean {
  const step = facts.log?.best?.step;
  return final && step !== undefined && step < from;
}
