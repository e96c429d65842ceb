import type { WeightedAdapter } from "../core/transform/model/mergePlan";
import { openSession } from "./command";

/** Opens adapters that are given as `PATH` or `PATH:WEIGHT`. */
export async function openWeighted(texts: readonly string[]): Promise<readonly WeightedAdapter[]> {
  const weighted: WeightedAdapter[] = [];
  for (const text of texts) {
    const { path, weight } = splitWeight(text);
    weighted.push({ session: await openSession(path), weight });
  }
  return weighted;
}

/** A path may hold colons, as on Windows: only a number at its end is a weight. */
function splitWeight(text: string): { readonly path: string; readonly weight: number } {
  const found = /^(.+):([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)$/i.exec(text);
  return found === null ? { path: text, weight: 1 } : { path: found[1] ?? "", weight: Number(found[2]) };
}
