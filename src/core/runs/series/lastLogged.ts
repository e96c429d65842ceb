import type { PointColumns } from "../logs/pointColumns";
import { isOutcome, maxOutcomes } from "./outcomeMetrics";

/** A metric's value. */
type NamedValue = readonly [name: string, value: number];

/** The points of one log, by metric. */
type Columns = ReadonlyMap<string, PointColumns>;

export interface LoggedValue {
  readonly step: number;
  readonly value: number;
}

/** The value of a metric with the highest step that is not beyond `step`; of equal ones the last. */
export function lastLogged(columns: Columns, key: string, step: number): LoggedValue | undefined {
  const { steps, values } = columns.get(key) ?? {};
  let last: LoggedValue | undefined;
  for (const [at, value] of values?.entries() ?? []) {
    const own = steps?.[at] ?? Number.NaN;
    if (own <= step && own >= (last?.step ?? 0)) last = { step: own, value };
  }
  return last;
}

/**
 * The last values of metrics by their names, of those of the evaluation and of a reward, at or before a step; those
 * that were not logged are left out.
 */
export function lastMetrics(columns: Columns, names: readonly string[], step: number): readonly NamedValue[] {
  const evaluations = [...columns.keys()].filter((name) => isOutcome(name));
  const logged = (wanted: readonly string[]) =>
    wanted.flatMap((name): NamedValue[] => {
      const last = lastLogged(columns, name, step);
      return last === undefined ? [] : [[name, last.value]];
    });
  return [...new Map([...logged(names), ...logged(evaluations).slice(0, maxOutcomes)])];
}

/** The epoch of the newest point that is not beyond a step; undefined where no point tells. */
export function lastEpoch(columns: Columns, step: number): number | undefined {
  let last: { readonly step: number; readonly epoch: number } | undefined;
  for (const { steps, epochs } of columns.values())
    for (const [at, epoch] of epochs?.entries() ?? []) {
      const own = steps[at] ?? Number.NaN;
      if (own <= step && own >= (last?.step ?? 0) && !Number.isNaN(epoch)) last = { step: own, epoch };
    }
  return last?.epoch;
}
