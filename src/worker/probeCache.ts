import type { Files } from "../core/bytes/files";
import { ReadAllowance } from "../core/bytes/limitedFiles";
import { probeFile } from "../core/checkpoint/probeFile";
import type { WeightsProbe } from "../core/checkpoint/probeWeights";
import { maxSearchProbeBytes } from "../core/problem/limits";

const nothing: WeightsProbe = { metadata: undefined, problems: [] };

interface KnownPeek {
  readonly size: number;
  readonly modifiedMs: number;
  readonly peek: WeightsProbe;
  used: boolean;
}

/** Looks into weights files again only when they changed: a search looks into every one of the workspace. */
export class ProbeCache {
  private readonly known = new Map<string, KnownPeek>();
  private allowance = new ReadAllowance(maxSearchProbeBytes);

  constructor(private readonly files: Files) {}

  async peek(path: string, signal?: AbortSignal): Promise<WeightsProbe> {
    const { size = -1, modifiedMs = -1 } = (await this.files.stat(path)) ?? {};
    const known = this.known.get(path);
    if (known?.size === size && known.modifiedMs === modifiedMs) {
      known.used = true;
      return known.peek;
    }
    const peek = await probeFile(this.files, path, this.allowance, signal);
    if (peek === undefined) return nothing;
    this.known.set(path, { size, modifiedMs, peek, used: true });
    return peek;
  }

  /** Called after each search: what it did not ask for is gone, and the next may read anew. */
  forgetUnused(): void {
    this.allowance = new ReadAllowance(maxSearchProbeBytes);
    for (const [path, known] of this.known) {
      if (known.used) known.used = false;
      else this.known.delete(path);
    }
  }
}
