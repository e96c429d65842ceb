import type { Files } from "../core/bytes/files";
import { ReadAllowance } from "../core/bytes/limitedFiles";
import { maxSearchPeekBytes } from "../core/formats/limits";
import type { WeightsPeek } from "../core/formats/safetensors/peekWeights";
import { peekFile } from "../core/runs/peekFile";

const nothing: WeightsPeek = { metadata: undefined, problems: [] };

interface KnownPeek {
  readonly size: number;
  readonly modifiedMs: number;
  readonly peek: WeightsPeek;
  used: boolean;
}

/** Looks into weights files again only when they changed: a search looks into every one of the workspace. */
export class PeekCache {
  private readonly known = new Map<string, KnownPeek>();
  private allowance = new ReadAllowance(maxSearchPeekBytes);

  constructor(private readonly files: Files) {}

  async peek(path: string, signal?: AbortSignal): Promise<WeightsPeek> {
    const { size = -1, modifiedMs = -1 } = (await this.files.stat(path)) ?? {};
    const known = this.known.get(path);
    if (known?.size === size && known.modifiedMs === modifiedMs) {
      known.used = true;
      return known.peek;
    }
    const peek = await peekFile(this.files, path, this.allowance, signal);
    if (peek === undefined) return nothing;
    this.known.set(path, { size, modifiedMs, peek, used: true });
    return peek;
  }

  /** Called after each search: what it did not ask for is gone, and the next may read anew. */
  forgetUnused(): void {
    this.allowance = new ReadAllowance(maxSearchPeekBytes);
    for (const [path, known] of this.known) {
      if (known.used) known.used = false;
      else this.known.delete(path);
    }
  }
}
