import { useEffect, useMemo, useState } from "preact/hooks";
import type { Envelope } from "../../src/core/runs/series/sampling";
import type { LineRequest, SampledSeries } from "../../src/core/runs/series/seriesSampler";
import type { Channel } from "../../src/protocol/channel";
import { isAbortError } from "../../src/protocol/channel";
import type { ChartHostCalls } from "../../src/protocol/chartCalls";
import type { ChartRange } from "../charts/chartSeries";

/** The part of a page's channel that charts use. */
export interface ChartHost {
  call: Channel<unknown, ChartHostCalls>["call"];
  notify: Channel<unknown, ChartHostCalls>["notify"];
}

export interface RunLine extends LineRequest {
  readonly run: string;
}

/** What is drawn of a line: as finely as the pixels allow where the reader looks, coarsely elsewhere. */
export interface SampledLine
  extends Pick<Envelope, "x" | "first" | "last" | "min" | "max" | "count" | "notFinite"> {
  readonly smoothed: Float64Array | undefined;
  /** Where the whole line begins and ends; NaN without points. */
  readonly firstX: number;
  readonly lastX: number;
  /** Points whose place on the axis no log knows. */
  readonly omitted: number;
}

export interface SampleSight {
  /** Undefined while everything is in sight. */
  readonly range: ChartRange | undefined;
  /** Of the axis; 0 while it is not known. */
  readonly pixels: number;
  /** Another one where the logs have grown. */
  readonly version: number;
  /** Nothing is asked for what nobody sees. */
  readonly isVisible: boolean;
}

interface Answer {
  /** What it is the answer to. */
  readonly asked: string;
  readonly axis: string;
  readonly range: ChartRange | undefined;
  readonly sampled: ReadonlyMap<string, SampledSeries | undefined>;
}

const lineId = ({ run, key }: RunLine) => JSON.stringify([run, key]);

/** While the view moves, what was there before is drawn. */
const restMs = 60;
/** Slices are asked for in such steps, so that a window that is drawn wider does not ask with every pixel. */
const sliceStep = 64;
/** A message must stay well under a megabyte. */
const maxAnswerBytes = 500_000;
const bytesOfSlice = 96;

/**
 * Samples of lines for what is in sight, in the order of the lines; undefined until they are there. The whole of a
 * line is kept beside the part in sight, so that zooming out and panning never shows nothing.
 */
export function useSampledLines(
  host: ChartHost,
  lines: readonly RunLine[],
  { range, pixels, version, isVisible }: SampleSight,
): {
  readonly sampled: readonly (SampledLine | undefined)[] | undefined;
  readonly failure: string | undefined;
} {
  const [whole, setWhole] = useState<Answer>();
  const [part, setPart] = useState<Answer>();
  const [failure, setFailure] = useState<string>();
  const slices = Math.ceil(pixels / sliceStep) * sliceStep;
  const lineKey = JSON.stringify(lines);
  const asked = JSON.stringify([lineKey, version, slices]);
  const axis = lines[0]?.axis ?? "step";

  const ask = (of: ChartRange | undefined, take: (answer: Answer) => void, delayMs: number) => {
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const sampled = await sampleAll(host, lines, of, slices, controller.signal);
        if (controller.signal.aborted) return;
        const byLine = new Map(lines.map((line, index) => [lineId(line), sampled[index]]));
        take({ asked, axis, range: of, sampled: byLine });
        setFailure(undefined);
      } catch (error) {
        if (!controller.signal.aborted && !isAbortError(error)) setFailure((error as Error).message);
      }
    }, delayMs);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  };

  useEffect(() => {
    if (slices === 0 || !isVisible || lines.length === 0 || whole?.asked === asked) return;
    return ask(undefined, setWhole, whole === undefined ? 0 : restMs);
  }, [asked, isVisible]);

  useEffect(() => {
    if (range === undefined || slices === 0 || !isVisible || lines.length === 0) return;
    return ask(range, setPart, restMs);
  }, [asked, isVisible, range?.min, range?.max]);

  const sampled = useMemo(() => {
    if (whole === undefined || whole.axis !== axis) return undefined;
    return lines.map((line) => {
      const coarse = whole.sampled.get(lineId(line));
      if (coarse === undefined) return undefined;
      const zoomed = range !== undefined && part?.axis === axis ? part.range : undefined;
      const fine = zoomed === undefined ? undefined : part?.sampled.get(lineId(line));
      // While one of them is still the answer to another smoothing they don't fit.
      const fits = fine !== undefined && (fine.smoothed === undefined) === (coarse.smoothed === undefined);
      return fits && zoomed !== undefined ? joinSamples(coarse, fine, zoomed) : lineOf(coarse);
    });
  }, [whole, part, range === undefined, lineKey]);
  return { sampled, failure };
}

async function sampleAll(
  host: ChartHost,
  lines: readonly RunLine[],
  range: ChartRange | undefined,
  slices: number,
  signal: AbortSignal,
): Promise<readonly (SampledSeries | undefined)[]> {
  const from = range?.min ?? Number.NEGATIVE_INFINITY;
  const to = range?.max ?? Number.POSITIVE_INFINITY;
  const requests = lines.map((line) => ({ ...line, from, to, slices }));
  const atOnce = Math.max(1, Math.floor(maxAnswerBytes / (slices * bytesOfSlice)));
  const parts: (typeof requests)[] = [];
  for (let first = 0; first < requests.length; first += atOnce)
    parts.push(requests.slice(first, first + atOnce));
  const answers = await Promise.all(parts.map((some) => host.call("sample", { requests: some }, signal)));
  return answers.flat();
}

function lineOf({ envelope, smoothed, firstX, lastX, omitted }: SampledSeries): SampledLine {
  const { x, first, last, min, max, count, notFinite } = envelope;
  return { x, first, last, min, max, count, notFinite, smoothed: smoothed?.last, firstX, lastX, omitted };
}

/** The fine samples, with the coarse ones of what lies beyond them on either side. */
export function joinSamples(coarse: SampledSeries, fine: SampledSeries, range: ChartRange): SampledLine {
  const whole = lineOf(coarse);
  const near = lineOf(fine);
  const start = near.x[0] ?? range.min;
  const end = near.x.at(-1) ?? range.max;
  const before = countWhere(whole.x, (x) => x < start);
  const upTo = countWhere(whole.x, (x) => x <= end);
  // The slice that the end lies in reaches over it: what it says of the rest is not known apart.
  const join = (pick: (line: SampledLine) => Float64Array) =>
    Float64Array.of(...pick(whole).subarray(0, before), ...pick(near), ...pick(whole).subarray(upTo));
  const joinCounts = (pick: (line: SampledLine) => Uint32Array) =>
    Uint32Array.of(...pick(whole).subarray(0, before), ...pick(near), ...pick(whole).subarray(upTo));
  const { smoothed } = near;
  return {
    ...whole,
    x: join(({ x }) => x) as SampledLine["x"],
    first: join(({ first }) => first) as SampledLine["first"],
    last: join(({ last }) => last) as SampledLine["last"],
    min: join(({ min }) => min) as SampledLine["min"],
    max: join(({ max }) => max) as SampledLine["max"],
    count: joinCounts(({ count }) => count) as SampledLine["count"],
    notFinite: joinCounts(({ notFinite }) => notFinite) as SampledLine["notFinite"],
    smoothed: smoothed === undefined ? undefined : join((line) => line.smoothed ?? new Float64Array()),
  };
}

/** Leading elements for which it holds. */
function countWhere(x: Float64Array, holds: (value: number) => boolean): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(x[middle] ?? Number.NaN)) low = middle + 1;
    else high = middle;
  }
  return low;
}
