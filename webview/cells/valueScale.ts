import { linearTicks, logTicks } from "../charts/axisTicks";
import type { RampKind } from "./colorRamp";

/** From values to a place on a ramp of colours. */
export interface ValueScale {
  readonly kind: RampKind;
  readonly min: number;
  readonly max: number;
  readonly logarithmic: boolean;
}

/** Beyond this a linear scale leaves most of what is there in one colour. */
const wideRatio = 30;

/**
 * One scale for all values that can be seen together. A diverging one is the same to both sides of zero. NaN and
 * infinities do not count.
 * @param logarithmic undefined chooses by how far the values spread.
 */
export function valueScale(
  values: Iterable<number>,
  kind: RampKind,
  logarithmic: boolean | undefined,
): ValueScale | undefined {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let smallest = Number.POSITIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    if (value > 0 && value < smallest) smallest = value;
  }
  if (max < min) return undefined;
  if (kind === "diverging") {
    const limit = Math.max(Math.abs(min), Math.abs(max));
    return { kind, min: -limit, max: limit, logarithmic: false };
  }
  const canBeLog = min >= 0 && smallest < max;
  if (canBeLog && (logarithmic ?? max / smallest > wideRatio))
    return { kind, min: smallest, max, logarithmic: true };
  return { kind, min, max, logarithmic: false };
}

/** 0 to 1; NaN for what has no place. An infinity lies at the end, a zero on a logarithmic scale at the beginning. */
export function shareOf({ min, max, logarithmic }: ValueScale, value: number): number {
  if (Number.isNaN(value)) return Number.NaN;
  if (value === Number.POSITIVE_INFINITY) return 1;
  if (value === Number.NEGATIVE_INFINITY) return 0;
  if (!(max > min)) return 0.5;
  if (!logarithmic) return Math.min(1, Math.max(0, (value - min) / (max - min)));
  if (value <= min) return 0;
  return Math.min(1, Math.log(value / min) / Math.log(max / min));
}

export interface ScaleTick {
  readonly value: number;
  readonly share: number;
}

/** Round values along the scale, and its ends. */
export function scaleTicks(scale: ValueScale, count: number): ScaleTick[] {
  const { min, max, logarithmic } = scale;
  const inner = logarithmic ? logTicks({ min, max }, count) : linearTicks({ min, max }, count);
  const ends = max > min ? [min, max] : [min];
  // Closer to an end the two would touch.
  const near = 0.6 / Math.max(1, count);
  const rounds = inner
    .map((value) => ({ value, share: shareOf(scale, value) }))
    .filter(({ share }) => share > near && share < 1 - near);
  return [...rounds, ...ends.map((value) => ({ value, share: shareOf(scale, value) }))].sort(
    (a, b) => a.share - b.share,
  );
}
