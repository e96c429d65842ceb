import { baseName } from "../../bytes/paths";
import type { PointColumns } from "../logs/pointColumns";
import { firstIndexAtStep } from "../series/mergeParts";
import type { FollowedLog } from "./followedLog";

/** Logs of these kinds lie in folders that several trainings write into. */
const shared: ReadonlySet<string> = new Set(["tensorboard", "wandb"]);

/** Enough to tell. */
const comparedPoints = 200;

type Verdict = "same" | "other" | "unknown";

/**
 * The logs that hold another training than trainer_state.json does: their values differ at the same steps.
 * One that cannot be compared goes with what its process wrote else; alone it is of another training when it
 * does not go on where trainer_state.json ends.
 */
export function findOtherTrainings(logs: readonly FollowedLog[]): Set<FollowedLog> {
  const states = logs.filter(({ log, columns }) => log.format === "trainer-state" && columns.size > 0);
  const others = new Set<FollowedLog>();
  if (states.length === 0) return others;
  const candidates = logs.filter(({ log }) => shared.has(log.format));
  const verdicts = new Map(candidates.map((log) => [log, compare(log, states)]));
  if (![...verdicts.values()].includes("other")) return others;
  const byProcess = new Map<string, Verdict>();
  for (const [log, verdict] of verdicts) if (verdict !== "unknown") byProcess.set(processOf(log), verdict);
  const lastStep = Math.max(...states.map(lastStepOf));
  for (const [log, verdict] of verdicts) {
    const told = verdict === "unknown" ? (byProcess.get(processOf(log)) ?? "unknown") : verdict;
    const goesOn = lastStepOf(log) > lastStep;
    if (told === "other" || (told === "unknown" && !goesOn)) others.add(log);
  }
  return others;
}

/** Event files are named after time, host, process and a count of the process. */
function processOf({ log: { path } }: FollowedLog): string {
  return /tfevents\.\d+\.(.+)\.\d+(?:\.v2)?$/.exec(baseName(path))?.[1] ?? path;
}

function compare(log: FollowedLog, states: readonly FollowedLog[]): Verdict {
  let equal = 0;
  let different = 0;
  for (const [key, points] of log.columns) {
    for (const state of states) {
      const known = state.columns.get(key);
      if (known === undefined) continue;
      const counts = comparePoints(points, known);
      equal += counts.equal;
      different += counts.different;
    }
  }
  if (equal + different === 0) return "unknown";
  return equal >= different ? "same" : "other";
}

function comparePoints(points: PointColumns, known: PointColumns): { equal: number; different: number } {
  const counts = { equal: 0, different: 0 };
  if (!known.ascending) return counts;
  const { steps, values } = points;
  const knownSteps = known.steps;
  const knownValues = known.values;
  for (let index = 0; index < Math.min(steps.length, comparedPoints); index++) {
    const step = steps[index] ?? 0;
    const at = firstIndexAtStep(knownSteps, step);
    if (knownSteps[at] !== step) continue;
    if (isClose(values[index] ?? 0, knownValues[at] ?? 0)) counts.equal++;
    else counts.different++;
  }
  return counts;
}

/** trainer_state.json rounds losses to four decimals, an event file all to 32 bits. */
function isClose(a: number, b: number): boolean {
  return (
    Object.is(a, b) || Math.abs(a - b) <= 1e-4 + 1e-5 * Math.abs(b) || (Number.isNaN(a) && Number.isNaN(b))
  );
}

function lastStepOf({ columns }: FollowedLog): number {
  let last = Number.NEGATIVE_INFINITY;
  for (const { lastStep } of columns.values()) if (lastStep > last) last = lastStep;
  return last;
}
