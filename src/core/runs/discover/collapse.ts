import { formatCount } from "../../text/quantities";
import { logsOf, type RunDraft } from "./runDraft";

/** Marks a training whose loss is gone, and every checkpoint that it saved from then on. */
export function tellCollapse(draft: RunDraft): void {
  const from = logsOf(draft)[0]?.log.collapsedFrom;
  for (const { facts, problems } of draft.members) {
    const own = facts.log === undefined ? from : facts.log.collapsedFrom;
    if (own === undefined || facts.step === undefined || facts.step < own) continue;
    const message = `Saved after the training collapsed: ${whatHappened(own)}`;
    problems.push({ severity: "warning", code: "Collapsed", message, file: facts.candidate.path });
  }
  if (from === undefined) return;
  const message = `The training collapsed: ${whatHappened(from)}`;
  draft.problems.push({ severity: "warning", code: "Collapsed", message, file: draft.folder.path });
}

function whatHappened(step: number): string {
  return (
    `from step ${formatCount(step)} to the end of its log the loss is NaN, ` +
    "or exactly 0 with a gradient norm of NaN."
  );
}
