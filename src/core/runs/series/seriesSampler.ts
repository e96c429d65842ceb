import type { MetricSeries } from "./metricSeries";
import { type Envelope, sampleEnvelope } from "./sampling";
import { type AxisKind, type AxisPoints, seriesOnAxis, tokenKeyOf } from "./seriesAxis";
import { centredMean, smooth } from "./smoothing";

export type Smoothing =
  /** Exponential moving average, as `smooth`. */
  | { readonly kind: "average"; readonly weight: number }
  /** Mean of so many points on either side. */
  | { readonly kind: "mean"; readonly radius: number };

/** A line of a chart. */
export interface LineRequest {
  readonly key: string;
  readonly axis: AxisKind;
  readonly smoothing?: Smoothing;
  /** For a logarithmic axis: values that are not positive become gaps. */
  readonly positiveOnly?: boolean;
}

/** What a chart shows of a line. */
export interface SampleRequest extends LineRequest {
  /** The visible range; open ends show all. */
  readonly from: number;
  readonly to: number;
  /** At most so many slices, one a pixel. */
  readonly slices: number;
}

export interface SampledSeries {
  readonly key: string;
  readonly envelope: Envelope;
  /** The smoothed line: of all points, and sampled only then. */
  readonly smoothed?: Envelope;
  /** Where the whole line begins and ends on the axis; NaN without points. */
  readonly firstX: number;
  readonly lastX: number;
  /** Points whose place on the axis no log knows. */
  readonly omitted: number;
}

export interface SeriesSource {
  keys(): readonly string[];
  /** The same object as long as the metric did not change. */
  series(key: string): MetricSeries | undefined;
  /** Where relative time begins, in the seconds of the wall times; undefined where no log tells times. */
  originSeconds(): number | undefined;
}

/** A whole line: a metric along an axis, all of its points. */
export interface WholeLine {
  readonly points: AxisPoints;
  /** The values with those that have no place on a logarithmic axis. */
  readonly logged: Float64Array;
  /** Of the length of the points. */
  readonly smoothed: Float64Array | undefined;
}

/** What was computed of a series for one way of showing it; zooming asks for the same again and again. */
interface Prepared {
  readonly what: string;
  readonly points: AxisPoints | undefined;
  readonly logged: Float64Array | undefined;
  readonly smoothed: Float64Array | undefined;
}

/** Answers what charts ask for of long series: small pictures, whatever the zoom. */
export class SeriesSampler {
  private readonly prepared = new WeakMap<MetricSeries, Prepared>();

  constructor(private readonly source: SeriesSource) {}

  /** Undefined where there is no such metric, or no log knows the axis. */
  sample(request: SampleRequest): SampledSeries | undefined {
    const { key, from, to, slices } = request;
    const line = this.line(request);
    if (line === undefined) return undefined;
    const { points, smoothed } = line;
    const { x, y, omitted } = points;
    const envelope = sampleEnvelope(x, y, from, to, slices);
    const { logged } = line;
    return {
      key,
      // What a logarithmic axis has no place for is a break in the line, but no NaN.
      envelope:
        logged === y
          ? envelope
          : { ...envelope, notFinite: sampleEnvelope(x, logged, from, to, slices).notFinite },
      ...(smoothed === undefined ? {} : { smoothed: sampleEnvelope(x, smoothed, from, to, slices) }),
      firstX: x[0] ?? Number.NaN,
      lastX: x.at(-1) ?? Number.NaN,
      omitted,
    };
  }

  /** All points of a line, as they are sampled. Its columns may be the logs' own: copy to send. */
  line(request: LineRequest): WholeLine | undefined {
    const series = this.source.series(request.key);
    if (series === undefined) return undefined;
    const { points, logged, smoothed } = this.prepare(series, request);
    return points === undefined || logged === undefined ? undefined : { points, logged, smoothed };
  }

  private prepare(series: MetricSeries, { axis, smoothing, positiveOnly = false }: LineRequest): Prepared {
    const what = JSON.stringify([axis, smoothing ?? null, positiveOnly]);
    const known = this.prepared.get(series);
    if (known?.what === what) return known;
    const onAxis = seriesOnAxis(series, axis, this.contextOf(axis));
    const points = onAxis !== undefined && positiveOnly ? { ...onAxis, y: onlyPositive(onAxis.y) } : onAxis;
    const smoothed =
      points === undefined || smoothing === undefined ? undefined : smoothOf(points.y, smoothing);
    const made = { what, points, logged: onAxis?.y, smoothed };
    this.prepared.set(series, made);
    return made;
  }

  /** What an axis needs of the other metrics. */
  private contextOf(axis: AxisKind): { readonly originSeconds?: number; readonly tokens?: MetricSeries } {
    if (axis === "relativeTime") {
      const originSeconds = this.source.originSeconds();
      return originSeconds === undefined ? {} : { originSeconds };
    }
    const tokenKey = axis === "tokens" ? tokenKeyOf(this.source.keys()) : undefined;
    const tokens = tokenKey === undefined ? undefined : this.source.series(tokenKey);
    return tokens === undefined ? {} : { tokens };
  }
}

function onlyPositive(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  return values.map((value) => (value > 0 ? value : Number.NaN));
}

function smoothOf(values: Float64Array, smoothing: Smoothing): Float64Array {
  return smoothing.kind === "average"
    ? smooth(values, smoothing.weight)
    : centredMean(values, smoothing.radius);
}
