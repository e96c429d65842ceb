import type { FollowedLog } from "./followedLog";

/**
 * Without the trainer_state.json files that another one contains: each checkpoint's repeats those before it,
 * and a hundred copies of a long log need not be kept.
 */
export function dropSuperseded(logs: readonly FollowedLog[]): FollowedLog[] {
  const states = logs.filter(({ log, columns }) => log.format === "trainer-state" && columns.size > 0);
  const dropped = new Set<FollowedLog>();
  for (const older of states) {
    const isContained = states.some(
      (newer) =>
        newer !== older && !dropped.has(newer) && stepOf(newer) >= stepOf(older) && contains(newer, older),
    );
    if (isContained && older.report.summary.length === 0) dropped.add(older);
  }
  return dropped.size === 0 ? [...logs] : logs.filter((log) => !dropped.has(log));
}

function stepOf({ report }: FollowedLog): number {
  return report.facts.step ?? -1;
}

function contains(newer: FollowedLog, older: FollowedLog): boolean {
  for (const [key, before] of older.columns) {
    const after = newer.columns.get(key);
    if (after === undefined || after.length < before.length) return false;
    const [steps, values, stepsAfter, valuesAfter] = [before.steps, before.values, after.steps, after.values];
    for (let index = 0; index < steps.length; index++) {
      if (steps[index] !== stepsAfter[index] || !Object.is(values[index], valuesAfter[index])) return false;
    }
  }
  return true;
}
