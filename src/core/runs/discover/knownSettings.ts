import type { Files } from "../../bytes/files";
import { readText } from "../../bytes/readText";
import { type ParsedJson, parseJson } from "../../json/parseJson";
import { getOrMake } from "../../lists/getOrMake";
import { maxConfigBytes } from "../../problem/limits";

/** Settings beside checkpoints, kept between searches: a file is read again only when it changed. */
export class KnownSettings {
  private readonly byPath = new Map<string, { stamp: string; parsed: ParsedJson; used: boolean }>();
  /** Checkpoints of one training have the same settings: these are kept once. */
  private readonly byText = new Map<string, ParsedJson>();

  /**
   * @throws JsonSyntaxError when it is no JSON.
   * @throws CheckpointError when it cannot be read.
   */
  async read(files: Files, path: string, signal?: AbortSignal): Promise<ParsedJson> {
    const stat = await files.stat(path);
    const stamp = `${stat?.size} ${stat?.modifiedMs}`;
    const known = this.byPath.get(path);
    if (known?.stamp === stamp) {
      known.used = true;
      return known.parsed;
    }
    const text = await readText(files, path, maxConfigBytes, signal);
    const parsed = getOrMake(this.byText, text, () => parseJson(text));
    this.byPath.set(path, { stamp, parsed, used: true });
    return parsed;
  }

  /** Called after each search: what it did not ask for is gone. */
  forgetUnused(): void {
    this.byText.clear();
    for (const [path, known] of this.byPath) {
      if (known.used) known.used = false;
      else this.byPath.delete(path);
    }
  }
}
