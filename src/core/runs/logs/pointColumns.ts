/** Column of numbers; the first `length` of the points count. */
type Column = Float64Array<ArrayBuffer>;

const smallest = 16;

/**
 * The points of one metric in the order in which they were logged, as columns that grow. No object is kept
 * for a point: a training has millions.
 */
export class PointColumns {
  private count = 0;
  private stepColumn: Column = new Float64Array(smallest);
  private valueColumn: Column = new Float64Array(smallest);
  /** Made when a first point has one. */
  private epochColumn: Column | undefined;
  private wallColumn: Column | undefined;
  private isAscending = true;

  get length(): number {
    return this.count;
  }

  /** What it takes in memory, as far as its points count. */
  get byteSize(): number {
    const columns = [this.stepColumn, this.valueColumn, this.epochColumn, this.wallColumn];
    return columns.reduce((sum, column) => sum + (column?.byteLength ?? 0), 0);
  }

  /** Every step is beyond the one before it. */
  get ascending(): boolean {
    return this.isAscending;
  }

  /** A view of what is there now: points that are added later do not change it. */
  get steps(): Column {
    return this.stepColumn.subarray(0, this.count);
  }

  get values(): Column {
    return this.valueColumn.subarray(0, this.count);
  }

  /** Undefined where no point has an epoch. */
  get epochs(): Column | undefined {
    return this.epochColumn?.subarray(0, this.count);
  }

  /** Seconds since 1970, or since the training began where the log knows no more. */
  get wallTimes(): Column | undefined {
    return this.wallColumn?.subarray(0, this.count);
  }

  get firstStep(): number {
    return this.count === 0 ? Number.NaN : (this.stepColumn[0] ?? Number.NaN);
  }

  get lastStep(): number {
    return this.count === 0 ? Number.NaN : (this.stepColumn[this.count - 1] ?? Number.NaN);
  }

  wallTimeAt(index: number): number {
    return this.wallColumn?.[index] ?? Number.NaN;
  }

  epochAt(index: number): number {
    return this.epochColumn?.[index] ?? Number.NaN;
  }

  push(step: number, value: number, wallTime = Number.NaN, epoch = Number.NaN): void {
    const at = this.count;
    if (at === this.stepColumn.length) this.grow(at + 1);
    if (at > 0 && !(step > (this.stepColumn[at - 1] ?? 0))) this.isAscending = false;
    this.stepColumn[at] = step;
    this.valueColumn[at] = value;
    if (this.wallColumn !== undefined) this.wallColumn[at] = wallTime;
    else if (!Number.isNaN(wallTime)) {
      this.wallColumn = unknowns(this.stepColumn.length);
      this.wallColumn[at] = wallTime;
    }
    if (this.epochColumn !== undefined) this.epochColumn[at] = epoch;
    else if (!Number.isNaN(epoch)) {
      this.epochColumn = unknowns(this.stepColumn.length);
      this.epochColumn[at] = epoch;
    }
    this.count = at + 1;
  }

  /** Takes on another's points as they are now, without copying them: what the other adds later is not seen. */
  mirror(other: PointColumns): void {
    this.count = other.count;
    this.stepColumn = other.stepColumn;
    this.valueColumn = other.valueColumn;
    this.epochColumn = other.epochColumn;
    this.wallColumn = other.wallColumn;
    this.isAscending = other.isAscending;
  }

  /** Adds the points of another from `first` on. */
  append(other: PointColumns, first = 0): void {
    const added = other.count - first;
    if (added <= 0) return;
    const at = this.count;
    this.grow(at + added);
    if (!other.isAscending || (at > 0 && !((other.stepColumn[first] ?? 0) > this.lastStep))) {
      this.isAscending = false;
    }
    this.stepColumn.set(other.stepColumn.subarray(first, other.count), at);
    this.valueColumn.set(other.valueColumn.subarray(first, other.count), at);
    this.wallColumn = joined(this.wallColumn, other.wallColumn, this.stepColumn.length, at, first, added);
    this.epochColumn = joined(this.epochColumn, other.epochColumn, this.stepColumn.length, at, first, added);
    this.count = at + added;
  }

  /** The points at some indices, in that order. */
  pick(indices: ArrayLike<number>): PointColumns {
    const picked = new PointColumns();
    for (let at = 0; at < indices.length; at++) {
      const index = indices[at] ?? 0;
      picked.push(
        this.stepColumn[index] ?? Number.NaN,
        this.valueColumn[index] ?? Number.NaN,
        this.wallTimeAt(index),
        this.epochAt(index),
      );
    }
    return picked;
  }

  slice(first: number, end = this.count): PointColumns {
    const part = new PointColumns();
    const whole = new PointColumns();
    whole.mirror(this);
    whole.count = Math.min(end, this.count);
    part.append(whole, first);
    return part;
  }

  private grow(wanted: number): void {
    const capacity = this.stepColumn.length;
    if (wanted <= capacity) return;
    const larger = Math.max(smallest, wanted, capacity * 2);
    this.stepColumn = enlarged(this.stepColumn, larger, 0);
    this.valueColumn = enlarged(this.valueColumn, larger, 0);
    if (this.wallColumn !== undefined) this.wallColumn = enlarged(this.wallColumn, larger, Number.NaN);
    if (this.epochColumn !== undefined) this.epochColumn = enlarged(this.epochColumn, larger, Number.NaN);
  }
}

function unknowns(length: number): Column {
  return new Float64Array(length).fill(Number.NaN);
}

function enlarged(column: Column, length: number, rest: number): Column {
  const larger = new Float64Array(length);
  larger.set(column);
  if (rest !== 0) larger.fill(rest, column.length);
  return larger;
}

function joined(
  own: Column | undefined,
  other: Column | undefined,
  capacity: number,
  at: number,
  first: number,
  added: number,
): Column | undefined {
  if (own === undefined && other === undefined) return undefined;
  const column = own ?? unknowns(capacity);
  if (other === undefined) column.fill(Number.NaN, at, at + added);
  else column.set(other.subarray(first, first + added), at);
  return column;
}
