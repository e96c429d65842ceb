import { baseName } from "../../bytes/paths";
import type { Problem } from "../../problem/problem";
import { parseStepFolder } from "../../progress/checkpointNames";
import { betterEnd } from "../../progress/metricDirection";
import { formatCount, formatNumber } from "../../text/quantities";
import { isEvaluation, isEvaluationLoss } from "../series/outcomeMetrics";
import type { BestWord } from "./evaluations";
import { logsOf, type RunDraft, type RunMember } from "./runDraft";

export interface BestChoice {
  readonly best?: RunMember;
  readonly reason?: string;
  readonly problem?: Problem;
}

/**
 * The checkpoint that the newest trainer_state.json names as best, by path or by step, else the best by the metric
 * that the trainer went by, else the lowest eval loss.
 */
export function chooseBest(draft: RunDraft): BestChoice {
  const word = logsOf(draft)[0]?.log.best;
  const complete = draft.members.filter(({ facts }) => !facts.incomplete);
  if (word === undefined) return bestByName(draft, complete) ?? bestByLosses(complete);
  const reversed = againstItsMetric(complete, word);
  if (reversed !== undefined) return reversed;
  const { step } = word;
  const path = word.checkpoint === undefined ? undefined : baseName(word.checkpoint);
  const named = draft.members.find(({ facts }) => facts.candidate.name === path);
  const meant = named ?? memberAt(draft.members, path === undefined ? step : (stepIn(path) ?? step));
  if (meant !== undefined && !meant.facts.incomplete) return chosen(meant, word, named !== undefined);
  const target = path ?? (step === undefined ? undefined : `step ${formatCount(step)}`);
  if (target === undefined) return bestByMetric(complete, word) ?? bestByLosses(complete);
  const instead = bestByMetric(complete, word) ?? bestByLosses(complete);
  return {
    ...instead,
    problem: meant === undefined ? goneProblem(draft, word, target) : damagedProblem(meant),
  };
}

/**
 * A trainer that was not told which end of a metric is the good one takes the greatest for the best, also of a loss
 * whose name it does not know (`greater_is_better`, transformers before 4.42): it kept the worst.
 */
function againstItsMetric(members: readonly RunMember[], word: BestWord): BestChoice | undefined {
  const { metric, value, highest } = word;
  // By the last word alone: `error_detection_f1` is no error.
  const end = betterEnd(metric?.split(/[_/.-]/).at(-1) ?? "");
  if (metric === undefined || value === undefined || end === undefined) return undefined;
  if ((end === "highest") === highest) return undefined;
  const best = lowest(members, (one) => signed(metricOf(one, metric), end === "highest"));
  const own = best && metricOf(best, metric);
  if (best === undefined || own === undefined || own === value) return undefined;
  const message = `trainer_state.json takes the ${highest ? "highest" : "lowest"} ${metric} for the best (best_metric ${formatNumber(value)}), as a trainer does that was not told otherwise (greater_is_better)`;
  const reason = `The ${end} ${metric} of the checkpoints that are here: ${formatNumber(own)}. ${message}.`;
  const problem: Problem = {
    severity: "warning",
    code: "BestMetricReversed",
    message: `${message}. ${best.name} has ${formatNumber(own)}.`,
  };
  return { best, reason, problem };
}

function stepIn(name: string): number | undefined {
  return parseStepFolder(name)?.step;
}

/** The trainer's own checkpoint of a step, before a model that was copied from it. */
function memberAt(members: readonly RunMember[], step: number | undefined): RunMember | undefined {
  if (step === undefined) return undefined;
  const same = members.filter(({ facts }) => facts.step === step);
  return same.find(({ final, facts }) => !final && !facts.incomplete) ?? same[0];
}

function chosen(best: RunMember, word: BestWord, byPath: boolean): BestChoice {
  const { metric, value, step } = word;
  const own = metric === undefined ? undefined : metricOf(best, metric);
  const name = best.facts.candidate.name;
  if (byPath && own !== undefined && own !== value && step !== undefined && step !== best.facts.step) {
    const difference =
      `trainer_state.json names ${name} as the best, but its best_metric ${formatNumber(value ?? 0)} is ${metric} ` +
      `of step ${formatCount(step)}; ${name} has ${formatNumber(own)}`;
    const problem: Problem = { severity: "warning", code: "BestMetricDisagrees", message: `${difference}.` };
    return { best, reason: `${difference}.`, problem };
  }
  const said = byPath
    ? "names it as the best"
    : `names step ${formatCount(best.facts.step ?? 0)} as the best`;
  return { best, reason: `trainer_state.json ${said}${valueText(word)}.` };
}

function valueText({ value, metric }: BestWord): string {
  if (value === undefined) return "";
  return ` (best_metric ${formatNumber(value)}${metric === undefined ? "" : `, which is ${metric}`})`;
}

function goneProblem({ members }: RunDraft, word: BestWord, target: string): Problem {
  const step = word.step ?? stepIn(target);
  const near = step === undefined ? [] : neighboursOf(members, step);
  const described = near.map((one) => {
    const value = word.metric === undefined ? undefined : metricOf(one, word.metric);
    return value === undefined ? one.name : `${one.name} (${formatNumber(value)})`;
  });
  const beside = described.length === 0 ? "" : ` Nearest to it: ${described.join(" and ")}.`;
  const said = target.startsWith("step ") ? `${target} as the best step` : `${target} as the best checkpoint`;
  const gone = target.startsWith("step ") ? "that step has no checkpoint here" : "it is not here";
  const at = target.startsWith("step ") || word.step === undefined || word.step === stepIn(target);
  const where = at ? "" : ` The best step was ${formatCount(word.step ?? 0)}.`;
  const message = `trainer_state.json names ${said}${valueText(word)}, but ${gone}.${where}${beside}`;
  return { severity: "info", code: "BestCheckpointGone", message };
}

function damagedProblem({ name, facts }: RunMember): Problem {
  const message = `trainer_state.json names ${name} as the best checkpoint. It is here, but damaged or incomplete.`;
  return { severity: "warning", code: "BestCheckpointDamaged", message, file: facts.candidate.path };
}

/** The last checkpoint before the step and the first one behind it. */
function neighboursOf(members: readonly RunMember[], step: number): RunMember[] {
  const distance = ({ facts }: RunMember) => (facts.step ?? Number.NaN) - step;
  const nearest = (side: readonly RunMember[]) =>
    [...side].sort(
      (a, b) => Math.abs(distance(a)) - Math.abs(distance(b)) || Number(a.final) - Number(b.final),
    )[0];
  const before = nearest(members.filter((one) => distance(one) < 0));
  const behind = nearest(members.filter((one) => distance(one) > 0));
  return [before, behind].filter((one) => one !== undefined);
}

function metricOf({ facts: { log, candidate } }: RunMember, name: string): number | undefined {
  if (name === "eval_loss" && log?.evalLoss !== undefined) return log.evalLoss;
  const known = log?.metrics ?? candidate.moment.metrics;
  return known?.find(([key]) => key === name)?.[1];
}

/** By the metric that the trainer went by, among the checkpoints that are here. */
function bestByMetric(members: readonly RunMember[], word: BestWord): BestChoice | undefined {
  const { metric, highest } = word;
  if (metric === undefined) return undefined;
  const best = lowest(members, (one) => signed(metricOf(one, metric), highest));
  if (best === undefined) return undefined;
  const value = metricOf(best, metric);
  if (value === word.value && value !== undefined)
    return {
      best,
      reason: `Its ${metric} is the best_metric of trainer_state.json: ${formatNumber(value)}.`,
    };
  const end = highest ? "highest" : "lowest";
  const reason =
    `The ${end} ${metric} of the checkpoints that are here: ${formatNumber(value ?? Number.NaN)}. ` +
    "best_metric in trainer_state.json is of that metric.";
  return { best, reason };
}

/** `best.pt` beside `last.pt`; `model_best.pth.tar`. */
const bestName =
  /^(?:(?:model|checkpoint|ckpt)[-_.])?best(?:[-_.](?:model|checkpoint|ckpt))?\.[A-Za-z][\w.]*$/i;

/** What the training itself called so, or told in its file names. */
function bestByName({ kind }: RunDraft, members: readonly RunMember[]): BestChoice | undefined {
  if (kind !== "files") return undefined;
  const called = members.filter(({ facts }) => bestName.test(facts.candidate.name));
  const [best] = called;
  if (best !== undefined && called.length === 1) return { best, reason: "The training called it so." };
  const names = new Set(
    members.flatMap(({ facts }) => facts.candidate.moment.metrics ?? []).map(([name]) => name),
  );
  const judged = [...names].filter((name) => betterEnd(name) !== undefined);
  // A value of the training itself says less than one of an evaluation.
  const metric = judged.find((name) => !/train/i.test(name)) ?? judged[0];
  if (metric === undefined) return undefined;
  const end = betterEnd(metric);
  const winner = lowest(members, (one) => signed(metricOf(one, metric), end === "highest"));
  const value = winner === undefined ? undefined : metricOf(winner, metric);
  if (winner === undefined || value === undefined) return undefined;
  return {
    best: winner,
    reason: `The ${end} ${metric} in the file names of its run: ${formatNumber(value)}.`,
  };
}

function bestByLosses(members: readonly RunMember[]): BestChoice {
  const byLoss = lowestEvalLoss(members);
  if (byLoss.best !== undefined) return byLoss;
  const ofSets = bestOfSets(members);
  return ofSets.best === undefined && ofSets.problem === undefined ? bestByEvaluations(members) : ofSets;
}

/** No loss was evaluated, and no best was named: where all metrics of the evaluation agree, they tell it. */
function bestByEvaluations(members: readonly RunMember[]): BestChoice {
  const names = new Set(members.flatMap(({ facts }) => (facts.log?.metrics ?? []).map(([name]) => name)));
  const winners = [...names].filter(isEvaluation).flatMap((name) => {
    const end = betterEnd(name);
    const best = end && lowest(members, (one) => signed(metricOf(one, name), end === "highest"));
    if (best === undefined) return [];
    return [{ best, said: `the ${end} ${name} (${formatNumber(metricOf(best, name) ?? Number.NaN)})` }];
  });
  const [first] = winners;
  if (first === undefined || winners.some(({ best }) => best !== first.best)) return {};
  const reason = `The trainer named no best. It has ${winners.map(({ said }) => said).join(", ")} of its run.`;
  return { best: first.best, reason };
}

/** Several evaluation sets and no loss of all: only where they agree is there a best. */
function bestOfSets(members: readonly RunMember[]): BestChoice {
  const names = new Set(
    members
      .flatMap(({ facts }) => facts.log?.metrics ?? [])
      .flatMap(([name]) => (isEvaluationLoss(name) ? [name] : [])),
  );
  const winners = [...names].flatMap((name) => {
    const best = lowest(members, (one) => metricOf(one, name));
    return best === undefined ? [] : [{ name, best }];
  });
  const [first] = winners;
  if (first === undefined) return {};
  const describe = winners.map(
    ({ name, best }) => `${name}: ${best.name} (${formatNumber(metricOf(best, name) ?? Number.NaN)})`,
  );
  if (winners.every(({ best }) => best === first.best))
    return { best: first.best, reason: `The lowest loss of every evaluation set. ${describe.join("; ")}.` };
  const message = `The evaluation sets do not agree on the best checkpoint. ${describe.join("; ")}.`;
  return { problem: { severity: "info", code: "EvaluationsDisagree", message } };
}

function lowestEvalLoss(members: readonly RunMember[]): BestChoice {
  const evaluated = members.filter(({ facts }) => Number.isFinite(facts.log?.evalLoss ?? Number.NaN));
  // Evaluated when it was saved, before one that only inherits the last evaluation.
  const exact = evaluated.filter(({ facts: { log } }) => log?.evalStep === log?.globalStep);
  const best = lowest(exact.length > 0 ? exact : evaluated, ({ facts }) => facts.log?.evalLoss);
  if (best === undefined) return {};
  return {
    best,
    reason: `The lowest eval loss of its run: ${formatNumber(best.facts.log?.evalLoss ?? Number.NaN)}.`,
  };
}

/** Of equal ones the first that is no final model, and `x.ckpt` before its twin `x-v1.ckpt`. */
function lowest(
  members: readonly RunMember[],
  measure: (one: RunMember) => number | undefined,
): RunMember | undefined {
  const valued = members.filter((one) => Number.isFinite(measure(one) ?? Number.NaN));
  return valued.sort(
    (a, b) =>
      (measure(a) ?? 0) - (measure(b) ?? 0) ||
      Number(a.final) - Number(b.final) ||
      a.name.length - b.name.length,
  )[0];
}

function signed(value: number | undefined, highestFirst: boolean): number | undefined {
  return value === undefined || !highestFirst ? value : -value;
}
