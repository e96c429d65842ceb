import { MetricNames, spelledOutTrainerName } from "../metricNames";
import type { PointBatch } from "../pointBatch";
import type { PointColumns } from "../pointColumns";

/** What is known of a tag. Its metadata is written with its first value only. */
export class EventTag {
  /** Which plugin draws it: `scalars`, `text`, `histograms` … Undefined while no metadata was seen. */
  plugin: string | undefined;
  private batch: PointBatch | undefined;
  private column: PointColumns | undefined;

  constructor(
    /** The name as it is in the file. */
    readonly bytes: Uint8Array,
    readonly name: string,
    /** The metric that it is. */
    readonly key: string,
  ) {}

  add(batch: PointBatch, step: number, value: number, wallTime: number): void {
    if (this.batch !== batch) {
      this.batch = batch;
      this.column = batch.column(this.key);
    }
    this.column?.push(step, value, wallTime);
  }

  fork(): EventTag {
    const copy = new EventTag(this.bytes, this.name, this.key);
    copy.plugin = this.plugin;
    return copy;
  }
}

const utf8 = new TextDecoder("utf-8");

/** Finds tags by their bytes, so that no text is made for each of a million events. */
export class TagTable {
  private readonly byHash = new Map<number, EventTag[]>();
  private names = new MetricNames(spelledOutTrainerName);
  private count = 0;

  constructor(private readonly maxTags: number) {}

  /** Undefined beyond the bound. */
  find(bytes: Uint8Array, start: number, end: number): EventTag | undefined {
    const hash = hashBytes(bytes, start, end);
    const sameHash = this.byHash.get(hash);
    if (sameHash !== undefined) {
      for (const tag of sameHash) if (isAt(tag.bytes, bytes, start, end)) return tag;
    }
    if (this.count >= this.maxTags) return undefined;
    this.count++;
    const own = bytes.slice(start, end);
    const name = utf8.decode(own);
    const tag = new EventTag(own, name, this.names.keyOf(name));
    if (sameHash === undefined) this.byHash.set(hash, [tag]);
    else sameHash.push(tag);
    return tag;
  }

  fork(): TagTable {
    const copy = new TagTable(this.maxTags);
    for (const [hash, tags] of this.byHash) {
      copy.byHash.set(
        hash,
        tags.map((tag) => tag.fork()),
      );
    }
    copy.names = this.names.fork();
    copy.count = this.count;
    return copy;
  }
}

/** FNV-1a. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return hash;
}

function isAt(tag: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (tag.length !== end - start) return false;
  for (let at = 0; at < tag.length; at++) if (tag[at] !== bytes[start + at]) return false;
  return true;
}
