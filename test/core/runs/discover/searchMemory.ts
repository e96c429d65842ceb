import { type DiscoverOptions, discoverRuns } from "../../../../src/core/runs/discover/discover";
import type { Run } from "../../../../src/core/runs/run";
import { type MemoryContent, MemoryFiles } from "../../../support/memoryFiles";

export type Contents = Record<string, MemoryContent>;

/** Searches below `/ws`. */
export async function search(files: Contents | MemoryFiles, extra: Partial<DiscoverOptions> = {}) {
  const memory = files instanceof MemoryFiles ? files : new MemoryFiles(files);
  const options = { exclude: () => false, maxDepth: 10, maxFolders: 10_000, ...extra };
  const found = await discoverRuns(memory, [{ path: "/ws", name: "ws" }], options);
  return { ...found, memory };
}

/** Runs with the names of their checkpoints: what the tree shows at a glance. */
export function outline(runs: readonly Run[]): Record<string, string[]> {
  return Object.fromEntries(runs.map(({ name, checkpoints }) => [name, checkpoints.map((one) => one.name)]));
}

export function only(runs: readonly Run[]): Run {
  if (runs.length !== 1) throw new Error(`${runs.length} runs: ${runs.map(({ name }) => name).join(", ")}`);
  return runs[0] as Run;
}

export const codes = (problems: readonly { code: string }[]) => problems.map(({ code }) => code);
