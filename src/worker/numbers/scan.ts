import { encodingKey } from "../../core/analysis/numberEncoding";
import type { TensorNumbers } from "../../core/analysis/tensorNumbers";
import type { Files } from "../../core/bytes/files";
import type { Checkpoint } from "../../core/checkpoint/checkpoint";
import { filesOfTensor, unreadablePart } from "../../core/tensors/assembly";
import type { Tensor } from "../../core/tensors/tensor";
import { nodeFiles } from "../nodeFiles";
import { abortable } from "./abortable";
import { JoinedPlan, type PlacedAssembly } from "./joinedPlan";
import { FilesBefore, LongPass, type PassOptions } from "./longPass";
import type { MeasuredTensor, NumbersCache } from "./numbersCache";
import type { MeasureJob, Piece, PieceResult } from "./numbersJob";
import { OtherReading } from "./otherReading";
import type { PlainReading } from "./plainReading";
import { ViewKeys } from "./sameView";
import { type PlacedTensor, ScanPlan } from "./scanPlan";
import { TensorPlaces } from "./tensorPlaces";
import type { ThreadPool } from "./threadPool";

/** A checkpoint and the files it is read from; a `CheckpointSession` is one. */
export interface NumbersSource {
  readonly checkpoint: Checkpoint;
  readonly files: Files;
}

export interface ScanOptions extends PassOptions {
  /** Told for each tensor, as soon as it is measured; undefined for dtypes that have no numbers. */
  readonly onTensor?: (index: number, numbers: TensorNumbers | undefined, sha256?: string) => void;
  /** Hashes the contiguous, little-endian bytes of every tensor in the same pass. */
  readonly withHashes?: boolean;
}

export interface ScanOutcome {
  /** Tensors that `onTensor` was told of, those of changed files included. */
  readonly measured: number;
  /** Tensors whose bytes could not be had, with the reason. */
  readonly unreadable: readonly { readonly index: number; readonly reason: string }[];
  /**
   * Indexes of files that are not what they were when the checkpoint was opened, or that changed while they were
   * read. What was told of their tensors means nothing.
   */
  readonly changedFiles: readonly number[];
  readonly bytes: number;
}

/** What a scan shares with the others of its pool. */
export interface ScanTools {
  readonly threads: ThreadPool;
  readonly cache: NumbersCache;
  readonly reading: PlainReading;
}

/**
 * Measures tensors of a checkpoint, file by file, in the order of their bytes.
 * @param indexes into the checkpoint's tensors.
 * @throws the signal's reason as soon as it is cancelled; the threads stop at their next chunk.
 */
export async function scanTensors(
  source: NumbersSource,
  indexes: readonly number[],
  options: ScanOptions,
  tools: ScanTools,
): Promise<ScanOutcome> {
  options.signal?.throwIfAborted();
  const scan = new Scan(source, options, tools);
  return abortable(
    scan.run(indexes).finally(() => scan.close()),
    options.signal,
  );
}

/** Ranges of files that one thread measures. */
interface PlannedPieces {
  readonly paths: readonly string[];
  readonly steps: readonly { readonly piece: Piece }[];
}

class Scan {
  private readonly pass: LongPass;
  private readonly places: TensorPlaces;
  private readonly unreadable: { index: number; reason: string }[] = [];
  private readonly changedFiles: number[] = [];
  private measured = 0;

  constructor(
    private readonly source: NumbersSource,
    private readonly options: ScanOptions,
    private readonly tools: ScanTools,
  ) {
    this.places = new TensorPlaces(source.files, source.checkpoint);
    this.pass = new LongPass(tools.threads, options);
  }

  async run(indexes: readonly number[]): Promise<ScanOutcome> {
    const { checkpoint } = this.source;
    const byFile = new Map<number, number[]>();
    const assembled: number[] = [];
    for (const index of indexes) {
      const tensor = checkpoint.tensors[index];
      if (tensor === undefined) throw new RangeError(`No tensor ${index}`);
      if (tensor.assembly !== undefined) {
        assembled.push(index);
        this.pass.totalBytes += tensor.byteSize;
        continue;
      }
      const list = byFile.get(tensor.fileIndex);
      if (list === undefined) byFile.set(tensor.fileIndex, [index]);
      else list.push(index);
      this.pass.totalBytes += tensor.byteSize;
    }
    for (const [fileIndex, list] of byFile) {
      this.options.signal?.throwIfAborted();
      await this.scanFile(fileIndex, list);
    }
    if (assembled.length > 0) await this.scanAssembled(assembled);
    this.options.signal?.throwIfAborted();
    this.pass.report();
    const { measured, unreadable, changedFiles } = this;
    return { measured, unreadable, changedFiles, bytes: this.pass.doneBytes };
  }

  async close(): Promise<void> {
    this.pass.close();
    await this.places.close();
  }

  private async scanFile(fileIndex: number, indexes: readonly number[]): Promise<void> {
    const { checkpoint, files } = this.source;
    const file = checkpoint.files[fileIndex];
    const isLocal = files === nodeFiles;
    const path = file?.path ?? "";
    const before = new FilesBefore(this.source);
    await before.look([fileIndex]);
    const identity = before.identityOf(fileIndex);
    if (identity === undefined) {
      this.changedFiles.push(fileIndex);
      return;
    }
    const fresh: [index: number, measured: MeasuredTensor][] = [];
    const tell = (index: number, measured: MeasuredTensor) => {
      fresh.push([index, measured]);
      this.tell(index, measured);
    };
    const wanted = isLocal ? this.withoutCached(path, identity, indexes) : indexes;
    const { placed, others } = await this.place(wanted, isLocal, tell);
    await Promise.all([this.measurePlaced(path, placed, tell), this.measureOthers(others, tell)]);
    this.options.signal?.throwIfAborted();
    if (!isLocal) return;
    const changed = await before.changed();
    this.changedFiles.push(...changed);
    if (changed.length > 0) return;
    for (const [index, measured] of fresh) this.tools.cache.set(path, identity, this.nameOf(index), measured);
  }

  /** Tensors that are made of pieces, of any number of files: what they are is told by all of these together. */
  private async scanAssembled(indexes: readonly number[]): Promise<void> {
    const { checkpoint, files } = this.source;
    const isLocal = files === nodeFiles;
    const readable = indexes.filter((index) => {
      const missing = unreadablePart(this.tensor(index));
      if (missing !== undefined) this.fail(index, missing);
      return missing === undefined;
    });
    const touched = [...new Set(readable.flatMap((index) => filesOfTensor(this.tensor(index))))];
    const pathOf = (fileIndex: number) => checkpoint.files[fileIndex]?.path ?? "";
    const before = new FilesBefore(this.source);
    await before.look(touched);
    const isSound = (fileIndex: number) => before.identityOf(fileIndex) !== undefined;
    const sound = readable.filter((index) => filesOfTensor(this.tensor(index)).every(isSound));
    const identity = touched.map((fileIndex) => before.identityOf(fileIndex)).join("|");
    const fresh: [index: number, measured: MeasuredTensor][] = [];
    const tell = (index: number, measured: MeasuredTensor) => {
      fresh.push([index, measured]);
      this.tell(index, measured);
    };
    const wanted = isLocal ? this.withoutCached(checkpoint.path, identity, sound) : sound;
    const placed: PlacedAssembly[] = [];
    const others: number[] = [];
    for (const index of wanted) {
      const tensor = this.tensor(index);
      const isEmpty = tensor.byteSize === 0;
      const hasNumbers = encodingKey(tensor) !== undefined || this.options.withHashes === true;
      const pieces = isLocal && !isEmpty && hasNumbers ? await this.places.findPieces(tensor) : undefined;
      if (pieces === undefined) others.push(index);
      else placed.push({ index, tensor, pieces });
    }
    const plan = new JoinedPlan(placed, pathOf, this.options.withHashes === true, {
      onMeasured: tell,
      onUnreadable: (index, reason) => this.fail(index, reason),
    });
    await Promise.all([
      this.runJobs(plan.jobs(), (job, results) => plan.take(job, results)),
      this.measureOthers(others, tell),
    ]);
    this.options.signal?.throwIfAborted();
    const changed = await before.changed();
    this.changedFiles.push(...changed);
    if (!isLocal || changed.length > 0) return;
    for (const [index, measured] of fresh)
      this.tools.cache.set(checkpoint.path, identity, this.nameOf(index), measured);
  }

  private runJobs<P extends PlannedPieces>(
    jobs: Iterable<P>,
    take: (job: P, results: readonly PieceResult[]) => void,
  ): Promise<void> {
    return this.pass.run(
      jobs,
      ({ paths, steps }, control): MeasureJob => {
        return { kind: "measure", paths, control, pieces: steps.map(({ piece }) => piece) };
      },
      take,
    );
  }

  private withoutCached(path: string, identity: string, indexes: readonly number[]): readonly number[] {
    return indexes.filter((index) => {
      const known = this.tools.cache.get(path, identity, this.nameOf(index));
      if (known === undefined || (this.options.withHashes === true && known.sha256 === undefined))
        return true;
      this.pass.otherBytes += this.tensor(index).byteSize;
      this.tell(index, known);
      return false;
    });
  }

  /** Parts those that threads can read from those that take the long way. */
  private async place(
    indexes: readonly number[],
    isLocal: boolean,
    tell: (index: number, measured: MeasuredTensor) => void,
  ) {
    const withHashes = this.options.withHashes === true;
    const placed: PlacedTensor[] = [];
    const others: number[] = [];
    for (const index of indexes) {
      const tensor = this.tensor(index);
      const key = encodingKey(tensor);
      // A quantised tensor of many scales has no key, but numbers all the same.
      const isPlain = isLocal && (key !== undefined || tensor.layout?.quantisation === undefined);
      if (key === undefined && isPlain && !withHashes) {
        this.pass.otherBytes += tensor.byteSize;
        tell(index, { numbers: undefined });
        continue;
      }
      const extent = isPlain ? await this.places.find(tensor, { anyOrder: !withHashes }) : undefined;
      const isCut = tensor.byteSize !== extent?.length;
      if (extent === undefined || extent.length === 0 || isCut) others.push(index);
      else placed.push({ index, tensor, extent });
    }
    return { placed, others };
  }

  private async measurePlaced(
    path: string,
    placed: readonly PlacedTensor[],
    tell: (index: number, measured: MeasuredTensor) => void,
  ): Promise<void> {
    const plan = new ScanPlan(placed, this.options.withHashes === true, {
      onMeasured: tell,
      onUnreadable: (index, reason) => this.fail(index, reason),
    });
    const wantedBytes = placed.reduce((sum, { extent }) => sum + extent.length, 0);
    this.pass.totalBytes += plan.totalBytes - wantedBytes;
    await this.runJobs(plan.jobs(path), ({ steps }, results) => plan.take(steps, results));
  }

  private async measureOthers(
    indexes: readonly number[],
    tell: (index: number, measured: MeasuredTensor) => void,
  ): Promise<void> {
    const views = new ViewKeys();
    const known = new Map<string, MeasuredTensor | string>();
    const reading = new OtherReading(this.source, this.tools.reading, this.options);
    for (const index of indexes) {
      if (this.pass.isCancelled) break;
      const tensor = this.tensor(index);
      const view = views.keyOf(tensor);
      const found = (view && known.get(view)) ?? (await reading.measure(tensor));
      if (view !== undefined) known.set(view, found);
      if (this.pass.isCancelled) break;
      if (typeof found === "string") this.fail(index, found);
      else tell(index, found);
      this.pass.otherBytes += tensor.byteSize;
    }
    await reading.close();
  }

  private tell(index: number, { numbers, sha256 }: MeasuredTensor): void {
    if (this.pass.isCancelled) return;
    this.measured++;
    this.options.onTensor?.(index, numbers, sha256);
  }

  private fail(index: number, reason: string): void {
    this.unreadable.push({ index, reason });
  }

  private tensor(index: number): Tensor {
    return this.source.checkpoint.tensors[index] as Tensor;
  }

  private nameOf(index: number): string {
    return this.tensor(index).name;
  }
}
