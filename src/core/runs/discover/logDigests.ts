import type { FileStat } from "../../bytes/files";
import type { Problem } from "../../problem/problem";
import { readTrainerState } from "../../progress/readTrainerState";
import { addStatePoints } from "../logs/json/trainerStateLog";
import { PointBatch } from "../logs/pointBatch";
import type { PointColumns } from "../logs/pointColumns";
import type { LogStore } from "../merge/logStore";
import type { ReadState } from "../merge/parsedLog";
import { digestTrainerState, type LogDigest } from "./logDigest";

interface KnownDigest {
  readonly stat: FileStat | undefined;
  readonly log: LogDigest;
  readonly problems: readonly Problem[];
}

interface LoggedPoints {
  readonly columns: ReadonlyMap<string, PointColumns>;
  readonly globalStep: number | undefined;
}

/**
 * What the search for runs keeps of each trainer_state.json, between searches too: a file that did not change is not
 * read again, whoever read it.
 */
export class LogDigests {
  private readonly known = new Map<string, KnownDigest>();
  private metrics: readonly string[] = [];

  constructor(private readonly store: LogStore) {
    store.onState((read) => this.note(read));
  }

  /** Names of metrics to keep besides the losses, as they were logged. Others than before begin anew. */
  keepMetrics(metrics: readonly string[]): void {
    if (JSON.stringify(metrics) !== JSON.stringify(this.metrics)) this.known.clear();
    this.metrics = metrics;
  }

  /** A file that cannot be read gives an empty digest with the reason. @throws only the signal's reason. */
  async read(path: string, stat: FileStat | undefined, signal?: AbortSignal): Promise<KnownDigest> {
    const known = this.known.get(path);
    if (known !== undefined && isSame(known.stat, stat)) return known;
    this.known.delete(path);
    await this.parsed(path).poll(Date.now(), signal);
    return this.known.get(path) ?? (await this.readAlone(path, stat, signal));
  }

  /** The points of a trainer_state.json that was digested, and the step that it was written at. */
  async points(path: string, signal?: AbortSignal): Promise<LoggedPoints> {
    const parsed = this.parsed(path);
    await parsed.poll(Date.now(), signal);
    return { columns: parsed.columns, globalStep: this.known.get(path)?.log.globalStep };
  }

  /** Forgets all files but these. */
  retain(paths: ReadonlySet<string | undefined>): void {
    for (const path of this.known.keys()) if (!paths.has(path)) this.known.delete(path);
  }

  get size(): number {
    return this.known.size;
  }

  private parsed(path: string) {
    return this.store.log({ path, format: "trainer-state" });
  }

  /** Where the log is known to all others as it is, or cannot be read. */
  private async readAlone(
    path: string,
    stat: FileStat | undefined,
    signal: AbortSignal | undefined,
  ): Promise<KnownDigest> {
    const state = await readTrainerState(this.store.files, path, signal);
    const points = new PointBatch();
    addStatePoints(state, points);
    return this.note({ path, stat, state, columns: points.columns });
  }

  private note({ path, stat, state, columns }: ReadState): KnownDigest {
    const log = digestTrainerState(state, columns, this.metrics);
    const digest = { stat, log, problems: state.problems };
    this.known.set(path, digest);
    return digest;
  }
}

function isSame(a: FileStat | undefined, b: FileStat | undefined): boolean {
  return a?.size === b?.size && a?.modifiedMs === b?.modifiedMs;
}
