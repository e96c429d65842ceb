/** "8" where all are equal, else "4–16". */
export function rangeText(values: readonly number[]): string {
  const low = values.reduce((smallest, value) => Math.min(smallest, value), Number.POSITIVE_INFINITY);
  const high = values.reduce((largest, value) => Math.max(largest, value), Number.NEGATIVE_INFINITY);
  const text = (value: number) => String(Number(value.toPrecision(6)));
  return low === high ? text(low) : `${text(low)}–${text(high)}`;
}
