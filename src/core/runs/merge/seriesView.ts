import type { PointColumns } from "../logs/pointColumns";
import { describeMetric } from "../series/metricFamily";
import type { MetricSeries } from "../series/metricSeries";
import { StepCurve } from "../series/stepCurve";
import type { FollowedLog } from "./followedLog";
import { isClockTime } from "./runCurves";

export interface RunCurves {
  readonly epochs: StepCurve;
  readonly wallTimes: StepCurve;
}

/** Series as charts want them, made when asked for and kept until the logs change. */
export class SeriesView {
  private readonly made = new Map<string, MetricSeries>();
  private known: RunCurves | undefined;

  curves(epochs: () => StepCurve, wallTimes: () => StepCurve): RunCurves {
    this.known ??= { epochs: epochs(), wallTimes: wallTimes() };
    return this.known;
  }

  series(key: string, columns: PointColumns, curves: () => RunCurves): MetricSeries {
    const known = this.made.get(key);
    if (known !== undefined) return known;
    const { steps, values } = columns;
    const { epochs, wallTimes } = curves();
    const own = columns.wallTimes;
    // Seconds since a start and dates do not belong on one axis.
    const isAlike =
      isClockTime(own?.find(Number.isFinite) ?? Number.NaN) === isClockTime(wallTimes.firstValue);
    const series: MetricSeries = {
      key,
      ...describeMetric(key),
      steps,
      epochs: epochs.along(steps, columns.epochs),
      values,
      ...(wallTimes.length === 0 ? {} : { wallTimes: wallTimes.along(steps, isAlike ? own : undefined) }),
    };
    this.made.set(key, series);
    return series;
  }

  /** The epoch at a step as one log says, in about twenty comparisons; NaN where it does not. */
  epochIn(log: FollowedLog, step: number): number {
    const columns = log.columns.get(log.keyOf("epoch"));
    if (columns === undefined || !columns.ascending) return Number.NaN;
    return StepCurve.over(columns.steps, columns.values).at(step);
  }
}
