import { formatCount } from "../../../text/quantities";
import type { RunDraft } from "../runDraft";

/** As Lightning, Ultralytics and others call what they save beside the numbered ones, to go on from. */
const calledLast = /^last\.(?:ckpt|pth?|tar)$/i;

/** What is called the last is of an earlier step than another of its folder: who resumes from it goes back. */
export function tellStaleLast({ members, problems, folder }: RunDraft): void {
  const saved = members.filter(({ facts, final }) => !final && !facts.incomplete && facts.step !== undefined);
  for (const { name, facts } of saved) {
    if (!calledLast.test(name)) continue;
    const newest = saved
      .filter((one) => one.facts.candidate.folder === facts.candidate.folder)
      .reduce((best, one) => ((one.facts.step ?? 0) > (best.facts.step ?? 0) ? one : best));
    if ((newest.facts.step ?? 0) <= (facts.step ?? 0)) continue;
    const message = `${name} is of step ${formatCount(facts.step ?? 0)}, and ${newest.name} beside it of step ${formatCount(newest.facts.step ?? 0)}: a training that goes on from ${name} begins before that, unless the higher one is left from another.`;
    problems.push({ severity: "info", code: "StaleLast", message, file: folder.path });
  }
}
