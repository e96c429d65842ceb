import { baseName } from "../../bytes/paths";
import type { Problem } from "../../problem/problem";
import { formatNumber } from "../../text/quantities";
import { logsOf, type RunDraft, type RunMember } from "./runDraft";

export interface BestChoice {
  readonly best?: RunMember;
  readonly reason?: string;
  readonly problem?: Problem;
}

/** The checkpoint that the newest trainer_state.json names as best, else the lowest eval loss. */
export function chooseBest(draft: RunDraft): BestChoice {
  const complete = draft.members.filter(({ facts }) => !facts.incomplete);
  const newest = logsOf(draft)[0]?.log;
  const named = newest?.bestModelCheckpoint;
  if (named === undefined) return lowestEvalLoss(complete);
  const name = baseName(named);
  const metric = newest?.bestMetric === undefined ? "" : ` (best_metric ${formatNumber(newest.bestMetric)})`;
  const best = complete.find(({ facts }) => facts.candidate.name === name);
  if (best !== undefined) return { best, reason: `trainer_state.json names it as the best${metric}.` };
  const message = `trainer_state.json names ${name} as the best checkpoint${metric}, but it is not here.`;
  return { ...lowestEvalLoss(complete), problem: { severity: "info", code: "BestCheckpointGone", message } };
}

function lowestEvalLoss(members: readonly RunMember[]): BestChoice {
  const evaluated = members.filter(({ facts }) => Number.isFinite(facts.log?.evalLoss ?? Number.NaN));
  // Evaluated when it was saved, before one that only inherits the last evaluation.
  const exact = evaluated.filter(({ facts: { log } }) => log?.evalStep === log?.globalStep);
  const candidates = exact.length > 0 ? exact : evaluated;
  const loss = ({ facts }: RunMember) => facts.log?.evalLoss ?? Number.POSITIVE_INFINITY;
  const rank = (one: RunMember) => [loss(one), Number(one.final)] as const;
  const [best] = [...candidates].sort((a, b) => rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1]);
  if (best === undefined) return {};
  return { best, reason: `The lowest eval loss of its run: ${formatNumber(loss(best))}.` };
}
