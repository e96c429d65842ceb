import type { LogFormatId } from "../logs/logFormat";
import { PointColumns } from "../logs/pointColumns";
import { mergeParts } from "../series/mergeParts";
import { StepCurve } from "../series/stepCurve";
import type { FollowedLog } from "./followedLog";

/** Before that, in 1973, nobody trained: smaller ones are seconds since the training began. */
const firstClockSeconds = 1e8;

/** A date, and not seconds since the training began. */
export function isClockTime(seconds: number): boolean {
  return seconds >= firstClockSeconds;
}

/** The epoch at each step, from whatever logs say it; trainer_state.json before others, then the longest. */
export function epochCurve(logs: readonly FollowedLog[]): StepCurve {
  return bestCurve(logs, (log) => {
    const own = log.columns.get(log.keyOf("epoch"));
    const beside = longest(log, ({ epochs }) => epochs);
    return beside.length >= (own?.length ?? 0) ? beside : (own ?? beside);
  });
}

/** The time at which each step was logged, in seconds; logs that know the date before those that do not. */
export function wallTimeCurve(logs: readonly FollowedLog[]): StepCurve {
  return bestCurve(logs, (log) => longest(log, ({ wallTimes }) => wallTimes));
}

function bestCurve(logs: readonly FollowedLog[], columnsOf: (log: FollowedLog) => PointColumns): StepCurve {
  const byFormat = new Map<LogFormatId, { readonly log: FollowedLog; readonly columns: PointColumns }[]>();
  for (const log of logs) {
    const columns = columnsOf(log);
    if (columns.length === 0) continue;
    const { format } = log.log;
    byFormat.set(format, [...(byFormat.get(format) ?? []), { log, columns }]);
  }
  const curves = [...byFormat].map(([format, parts]) => {
    parts.sort((a, b) => compareStart(a.columns, b.columns));
    const merged = mergeParts(
      parts.map(({ columns }) => columns),
      { purges: parts.flatMap(({ log }) => log.purges), restarts: format !== "trainer-state" },
    );
    return { format, merged, hasDate: isClockTime(merged.values[0] ?? 0) };
  });
  curves.sort(
    (a, b) =>
      Number(b.hasDate) - Number(a.hasDate) ||
      Number(b.format === "trainer-state") - Number(a.format === "trainer-state") ||
      b.merged.length - a.merged.length,
  );
  const sameKind = curves.filter(({ hasDate }) => hasDate === curves[0]?.hasDate);
  return sameKind.reduce(
    (curve, { merged }) =>
      curve.length === 0 ? StepCurve.ofColumns(merged) : curve.extendedBy(StepCurve.ofColumns(merged)),
    StepCurve.empty,
  );
}

function compareStart(a: PointColumns, b: PointColumns): number {
  const difference = a.wallTimeAt(0) - b.wallTimeAt(0);
  return Number.isNaN(difference) ? 0 : difference;
}

/** The metric that says most of something, with that as its value. */
function longest(
  { columns }: FollowedLog,
  pick: (columns: PointColumns) => Float64Array | undefined,
): PointColumns {
  let best: PointColumns | undefined;
  for (const candidate of columns.values()) {
    if (pick(candidate) !== undefined && candidate.length > (best?.length ?? 0)) best = candidate;
  }
  const curve = new PointColumns();
  if (best === undefined) return curve;
  const { steps } = best;
  const values = pick(best) ?? new Float64Array();
  for (let index = 0; index < steps.length; index++) {
    const value = values[index] ?? Number.NaN;
    if (Number.isFinite(value)) curve.push(steps[index] ?? 0, value, best.wallTimeAt(index));
  }
  return curve;
}
