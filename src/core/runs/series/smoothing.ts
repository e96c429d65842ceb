/**
 * Exponential moving average without the bias towards zero at the start, as TensorBoard draws it: points that
 * are not finite keep their value, so gaps stay gaps, and do not touch the average.
 * `weight` 0 changes nothing; 1 is the limit, the mean of all points so far.
 * @throws RangeError when the weight is not between 0 and 1.
 */
export function smooth(values: Float64Array, weight: number): Float64Array<ArrayBuffer> {
  if (!(weight >= 0 && weight <= 1))
    throw new RangeError(`Smoothing weight ${weight} is not between 0 and 1`);
  const smoothed = new Float64Array(values.length);
  let average = 0;
  let decay = 1;
  let count = 0;
  values.forEach((value, index) => {
    if (!Number.isFinite(value)) {
      smoothed[index] = value;
      return;
    }
    count++;
    if (weight === 1) {
      average += (value - average) / count;
      smoothed[index] = average;
      return;
    }
    decay *= weight;
    average = average * weight + value * (1 - weight);
    smoothed[index] = average / (1 - decay);
  });
  return smoothed;
}

/**
 * Mean of the finite values within `radius` points on either side, which does not lag behind as an average of
 * what came before does. At the ends the window is cut on both sides alike. Points that are not finite keep
 * their value.
 */
export function centredMean(values: Float64Array, radius: number): Float64Array<ArrayBuffer> {
  const reach = Math.max(0, Math.floor(radius));
  const smoothed = Float64Array.from(values);
  const width = 2 * reach + 1;
  const sums = new WindowSums(values, width);
  for (let index = 0; index < values.length; index++) {
    if (!Number.isFinite(values[index] as number)) continue;
    const near = Math.min(reach, index, values.length - 1 - index);
    smoothed[index] = near === reach ? sums.mean(index - reach) : meanOf(values, index - near, index + near);
  }
  return smoothed;
}

/** Near the ends, where the window is smaller with each point. */
function meanOf(values: Float64Array, first: number, last: number): number {
  let sum = 0;
  let count = 0;
  for (let index = first; index <= last; index++) {
    const value = values[index] as number;
    if (!Number.isFinite(value)) continue;
    sum += value;
    count++;
  }
  return sum / count;
}

/**
 * Sums of every window of one width: of blocks of that width the sums from their beginning and to their end.
 * One running sum, or a difference of two, would carry a spike of 1e30 to the end of the line.
 */
class WindowSums {
  private readonly fromStart: Float64Array;
  private readonly toEnd: Float64Array;
  private readonly countFromStart: Uint32Array;
  private readonly countToEnd: Uint32Array;

  constructor(
    values: Float64Array,
    private readonly width: number,
  ) {
    const { length } = values;
    this.fromStart = new Float64Array(length);
    this.toEnd = new Float64Array(length);
    this.countFromStart = new Uint32Array(length);
    this.countToEnd = new Uint32Array(length);
    let sum = 0;
    let count = 0;
    for (let index = 0; index < length; index++) {
      if (index % width === 0) sum = count = 0;
      const value = values[index] as number;
      if (Number.isFinite(value)) {
        sum += value;
        count++;
      }
      this.fromStart[index] = sum;
      this.countFromStart[index] = count;
    }
    for (let index = length - 1; index >= 0; index--) {
      if ((index + 1) % width === 0 || index === length - 1) sum = count = 0;
      const value = values[index] as number;
      if (Number.isFinite(value)) {
        sum += value;
        count++;
      }
      this.toEnd[index] = sum;
      this.countToEnd[index] = count;
    }
  }

  mean(first: number): number {
    const last = first + this.width - 1;
    const sum = this.fromStart[last] as number;
    const count = this.countFromStart[last] as number;
    if (first % this.width === 0) return sum / count;
    return ((this.toEnd[first] as number) + sum) / ((this.countToEnd[first] as number) + count);
  }
}
