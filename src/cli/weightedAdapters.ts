import type { WeightedAdapter } from "../core/transform/model/mergePlan";
import { sinceInitial } from "../core/transform/model/sinceInitial";
import { openSession } from "./command";
import { UsageError } from "./usageError";

/**
 * Opens adapters that are given as `PATH` or `PATH:WEIGHT`.
 * @param initial what the only one was before training.
 */
export async function openWeighted(
  texts: readonly string[],
  initial?: string,
): Promise<readonly WeightedAdapter[]> {
  const weighted: WeightedAdapter[] = [];
  for (const text of texts) {
    const { path, weight } = splitWeight(text);
    weighted.push({ session: await openSession(path), weight });
  }
  if (initial === undefined) return weighted;
  const [first, ...others] = weighted;
  if (first === undefined || others.length > 0)
    throw new UsageError("--initial says what one adapter was before training: name one ADAPTER.");
  return sinceInitial(first, await openSession(initial));
}

/** A path may hold colons, as on Windows: only a number at its end is a weight. */
function splitWeight(text: string): { readonly path: string; readonly weight: number } {
  const found = /^(.+):([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)$/i.exec(text);
  return found === null ? { path: text, weight: 1 } : { path: found[1] ?? "", weight: Number(found[2]) };
}
