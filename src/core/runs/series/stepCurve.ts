import type { PointColumns } from "../logs/pointColumns";
import { firstIndexAtStep } from "./mergeParts";

/**
 * Something that grows with the steps: epochs, wall time, tokens. Between two known steps it is on a line.
 */
export class StepCurve {
  private constructor(
    private readonly steps: Float64Array,
    private readonly values: Float64Array,
  ) {}

  /** Of the points where the value is known. `steps` ascend. */
  static of(steps: Float64Array, values: Float64Array): StepCurve {
    if (values.every((value) => Number.isFinite(value))) return new StepCurve(steps, values);
    const known: number[] = [];
    values.forEach((value, index) => {
      if (Number.isFinite(value)) known.push(index);
    });
    const pick = (column: Float64Array) => Float64Array.from(known, (index) => column[index] ?? Number.NaN);
    return new StepCurve(pick(steps), pick(values));
  }

  /** Of points that are all known to be finite: nothing is looked at. */
  static over(steps: Float64Array, values: Float64Array): StepCurve {
    return new StepCurve(steps, values);
  }

  static readonly empty = new StepCurve(new Float64Array(), new Float64Array());

  /** Of a column whose values are what grows. */
  static ofColumns(columns: PointColumns): StepCurve {
    return StepCurve.of(columns.steps, columns.values);
  }

  get length(): number {
    return this.steps.length;
  }

  /** NaN where nothing is known. */
  get firstValue(): number {
    return this.values[0] ?? Number.NaN;
  }

  get lastStep(): number {
    return this.steps.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  /** Goes on with what another one knows beyond the end of this one. */
  extendedBy(other: StepCurve): StepCurve {
    let first = firstIndexAtStep(other.steps, this.lastStep);
    if (other.steps[first] === this.lastStep) first++;
    if (first >= other.length) return this;
    return new StepCurve(
      concatenate(this.steps, other.steps.subarray(first)),
      concatenate(this.values, other.values.subarray(first)),
    );
  }

  /** NaN outside of what is known. */
  at(step: number): number {
    return this.valueBefore(firstIndexAtStep(this.steps, step), step);
  }

  /** At each of ascending steps; where `own` has a number, that. */
  along(steps: Float64Array, own?: Float64Array): Float64Array<ArrayBuffer> {
    const values = new Float64Array(steps.length);
    let next = 0;
    for (let index = 0; index < steps.length; index++) {
      const step = steps[index] as number;
      while (next < this.steps.length && (this.steps[next] as number) < step) next++;
      const known = own === undefined ? Number.NaN : (own[index] as number);
      values[index] = Number.isNaN(known) ? this.valueBefore(next, step) : known;
    }
    return values;
  }

  /** `next` is the first known step at or beyond `step`. */
  private valueBefore(next: number, step: number): number {
    const { steps, values } = this;
    if (steps[next] === step) return values[next] ?? Number.NaN;
    const after = steps[next];
    const before = steps[next - 1];
    if (after === undefined || before === undefined) return Number.NaN;
    const low = values[next - 1] ?? Number.NaN;
    const high = values[next] ?? Number.NaN;
    return low + ((high - low) * (step - before)) / (after - before);
  }
}

function concatenate(a: Float64Array, b: Float64Array): Float64Array {
  const whole = new Float64Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
