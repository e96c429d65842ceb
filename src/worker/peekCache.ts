import type { Files } from "../core/bytes/files";
import { peekWeights, type WeightsPeek } from "../core/formats/safetensors/peekWeights";

interface KnownPeek {
  readonly size: number;
  readonly modifiedMs: number;
  readonly peek: WeightsPeek;
  used: boolean;
}

/** Looks into weights files again only when they changed: a search looks into every one of the workspace. */
export class PeekCache {
  private readonly known = new Map<string, KnownPeek>();

  constructor(private readonly files: Files) {}

  async peek(path: string, signal?: AbortSignal): Promise<WeightsPeek> {
    const { size = -1, modifiedMs = -1 } = (await this.files.stat(path)) ?? {};
    const known = this.known.get(path);
    if (known?.size === size && known.modifiedMs === modifiedMs) {
      known.used = true;
      return known.peek;
    }
    const peek = await peekWeights(this.files, path, signal);
    this.known.set(path, { size, modifiedMs, peek, used: true });
    return peek;
  }

  /** Called after each search: what it did not ask for is gone. */
  forgetUnused(): void {
    for (const [path, known] of this.known) {
      if (known.used) known.used = false;
      else this.known.delete(path);
    }
  }
}
