import { rowHealth } from "../core/base/rowHealth";
import type { Files } from "../core/bytes/files";
import { ReadAllowance } from "../core/bytes/limitedFiles";
import { joinPath, parentPath } from "../core/bytes/paths";
import { probeFile } from "../core/checkpoint/probeFile";
import type { WeightsProbe } from "../core/checkpoint/probeWeights";
import { maxSearchProbeBytes } from "../core/problem/limits";
import type { Problem } from "../core/problem/problem";
import { hubFolders } from "./hubFolders";

const nothing: WeightsProbe = { metadata: undefined, problems: [] };

/** Files beside the weights that they are held against. */
const configNames: readonly string[] = ["adapter_config.json", "config.json"];

/** Looks into weights files again only when they changed: a search looks into every one of the workspace. */
export class ProbeCache {
  private readonly peeks = new KnownAnswers<WeightsProbe>();
  private readonly verdicts = new KnownAnswers<readonly Problem[]>();
  private allowance: ReadAllowance;

  constructor(
    private readonly files: Files,
    /** What all looks of one search may read. */
    private readonly maxBytes = maxSearchProbeBytes,
  ) {
    this.allowance = new ReadAllowance(maxBytes);
  }

  /** @param seen where a search has looked already. */
  async peek(path: string, signal?: AbortSignal, seen = this.files): Promise<WeightsProbe> {
    const find = () => probeFile(seen, path, this.allowance, signal);
    return (await this.peeks.answer(path, await versionOf(seen, [path]), find)) ?? nothing;
  }

  /**
   * What the rules of health say of a checkpoint's weights.
   * @param roots folders that the path of a base model may be meant from.
   * @param seen where a search has looked already.
   */
  async judge(
    path: string,
    roots: readonly string[],
    signal?: AbortSignal,
    seen = this.files,
  ): Promise<readonly Problem[]> {
    const beside = [parentPath(path), path].flatMap((folder) =>
      configNames.map((name) => joinPath(folder, name)),
    );
    const { allowance } = this;
    const find = () => rowHealth(seen, path, { allowance, roots, hubFolders: hubFolders(), signal });
    return (await this.verdicts.answer(path, await versionOf(seen, [path, ...beside]), find)) ?? [];
  }

  /** Called after each search: what it did not ask for is gone, and the next may read anew. */
  forgetUnused(): void {
    this.allowance = new ReadAllowance(this.maxBytes);
    this.peeks.forgetUnused();
    this.verdicts.forgetUnused();
  }
}

async function versionOf(files: Files, paths: readonly string[]): Promise<string> {
  const stats = await Promise.all(paths.map((path) => files.stat(path)));
  return stats.map((stat) => (stat === undefined ? "-" : `${stat.size} ${stat.modifiedMs}`)).join();
}

/** Answers about paths, each of the version of the files that it was found in. */
class KnownAnswers<T> {
  private readonly known = new Map<string, { version: string; answer: T; used: boolean }>();

  /** An answer that was not found is asked for again. */
  async answer(path: string, version: string, find: () => Promise<T | undefined>): Promise<T | undefined> {
    const known = this.known.get(path);
    if (known?.version === version) {
      known.used = true;
      return known.answer;
    }
    const answer = await find();
    if (answer !== undefined) this.known.set(path, { version, answer, used: true });
    return answer;
  }

  forgetUnused(): void {
    for (const [path, known] of this.known) {
      if (known.used) known.used = false;
      else this.known.delete(path);
    }
  }
}
