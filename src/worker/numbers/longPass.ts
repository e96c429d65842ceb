import type { Files } from "../../core/bytes/files";
import { mapParallel } from "../../core/bytes/mapParallel";
import type { Checkpoint } from "../../core/checkpoint/checkpoint";
import { nodeFiles } from "../nodeFiles";
import { fileIdentity } from "./fileIdentity";
import { type Job, JobControl, type ResultsOf } from "./numbersJob";
import type { ThreadPool } from "./threadPool";

/** A checkpoint and the files it is read from; a `CheckpointSession` is one. */
export interface NumbersSource {
  readonly checkpoint: Checkpoint;
  readonly files: Files;
}

export interface PassOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told some times a second. */
  readonly onBytes?: (done: number, total: number) => void;
  /** Goes before the work of long scans. */
  readonly urgent?: boolean;
}

const reportEveryMs = 100;

/** Files that are looked at together: hundreds on a network disk would otherwise take as many answers. */
const parallelStats = 16;

/** What every pass over many tensors has: threads at work that can be stopped, and bytes that are told of. */
export class LongPass {
  readonly control = JobControl.create();
  totalBytes = 0;
  /** Of tensors that the threads do not read. */
  otherBytes = 0;
  private readonly cancel = () => this.control.cancel();
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly threads: ThreadPool,
    private readonly options: PassOptions,
  ) {
    options.signal?.addEventListener("abort", this.cancel);
    if (options.onBytes !== undefined) this.timer = setInterval(() => this.report(), reportEveryMs);
  }

  get isCancelled(): boolean {
    return this.control.isCancelled;
  }

  get doneBytes(): number {
    return this.control.bytes + this.otherBytes;
  }

  report(): void {
    if (!this.isCancelled) this.options.onBytes?.(this.doneBytes, this.totalBytes);
  }

  /** Keeps all threads busy with jobs until there are no more, and takes what they find. */
  async run<P, J extends Job>(
    planned: Iterable<P> | AsyncIterable<P>,
    jobOf: (planned: P, control: JobControl) => J,
    take: (planned: P, results: ResultsOf<J>) => void,
  ): Promise<void> {
    const iterator = iterate(planned);
    const runner = async () => {
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        if (this.isCancelled) return;
        const results = await this.threads.run(jobOf(next.value, this.control), this.options.urgent);
        if (!this.isCancelled) take(next.value, results);
      }
    };
    await Promise.all(Array.from({ length: this.threads.width }, runner));
  }

  close(): void {
    clearInterval(this.timer);
    this.options.signal?.removeEventListener("abort", this.cancel);
  }
}

async function* iterate<P>(planned: Iterable<P> | AsyncIterable<P>): AsyncGenerator<P> {
  yield* planned;
}

/** Which content the files of a checkpoint had before a pass: what was read of one that is another now means nothing. */
export class FilesBefore {
  private readonly identities = new Map<number, string | undefined>();

  constructor(private readonly source: NumbersSource) {}

  /** Looks at files, by their indexes. One that is not what it was when the checkpoint was opened has no identity. */
  async look(fileIndexes: Iterable<number>): Promise<void> {
    const wanted = [...new Set(fileIndexes)].filter((index) => !this.identities.has(index));
    await mapParallel(wanted, parallelStats, async (index) => {
      const { checkpoint, files } = this.source;
      const file = checkpoint.files[index];
      const isLocal = files === nodeFiles && file !== undefined;
      const identity = isLocal ? await fileIdentity(file.path) : "";
      const isSame = !isLocal || (await files.stat(file.path))?.size === file.bytes;
      this.identities.set(index, isSame ? identity : undefined);
    });
  }

  identityOf(fileIndex: number): string | undefined {
    return this.identities.get(fileIndex);
  }

  /** Those that are other files by now, or were so from the beginning. */
  async changed(): Promise<number[]> {
    const { checkpoint, files } = this.source;
    const found: number[] = [];
    for (const [index, before] of this.identities) {
      const now = files === nodeFiles ? await fileIdentity(checkpoint.files[index]?.path ?? "") : "";
      if (before === undefined || before !== now) found.push(index);
    }
    return found;
  }
}
