/** What a check found: the file agrees with what is known of it, was refused as it should be, or neither. */
export interface Verdict {
  readonly outcome: "agreed" | "refused";
  /** For a refused file: the code it was refused with. */
  readonly reason?: string;
  /** What a reader of the table should know of this file. */
  readonly note?: string;
  /** Where it is not as it should be; empty when it is. */
  readonly differences: readonly string[];
}

/** Collects differences in words. */
export class Comparison {
  readonly differences: string[] = [];

  equal(what: string, actual: unknown, expected: unknown): void {
    const [found, wanted] = [actual, expected].map(describe);
    if (found !== wanted) this.differences.push(`${what}: ${found} instead of ${wanted}`);
  }

  check(holds: boolean, difference: string): void {
    if (!holds) this.differences.push(difference);
  }
}

/** JSON with what JSON leaves out, so that NaN differs from null. */
function describe(value: unknown): string {
  const text = JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member === "number" && !Number.isFinite(member)) return `number ${member}`;
    return typeof member === "bigint" ? `bigint ${member}` : member;
  });
  return text ?? "nothing";
}
