import type { ConfigRow } from "../logs/logFormat";

/** A setting of several runs. */
export interface ComparedSetting {
  readonly key: string;
  /** In the order of the runs; undefined where a run does not say. */
  readonly values: readonly (string | undefined)[];
  readonly differs: boolean;
}

/**
 * The settings of runs beside each other, in the order in which they first occur. A run that says nothing at all
 * differs in nothing.
 */
export function settingRows(configs: readonly (readonly ConfigRow[])[]): ComparedSetting[] {
  const byRun = configs.map((config) => new Map(config));
  const keys = new Set(configs.flatMap((config) => config.map(([key]) => key)));
  return [...keys].map((key) => {
    const values = byRun.map((config) => config.get(key));
    const told = values.filter((_, run) => (configs[run]?.length ?? 0) > 0);
    return { key, values, differs: told.some((value) => !isSameSetting(value, told[0])) };
  });
}

/** `1e-4` and `0.0001` are the same. */
function isSameSetting(a: string | undefined, b: string | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.trim() === "" || b.trim() === "") return false;
  const [left, right] = [Number(a), Number(b)];
  return !Number.isNaN(left) && left === right;
}
