import { encodingKey } from "../../core/analysis/numberEncoding";
import type { TensorNumbers } from "../../core/analysis/tensorNumbers";
import { filesOfTensor, unreadablePart } from "../../core/tensors/assembly";
import type { PackedWeight } from "../../core/tensors/packed/packedWeight";
import type { PackedCodes } from "../../core/tensors/packed/packedWeights";
import { unpackedTensor } from "../../core/tensors/packed/unpackedTensor";
import type { Tensor } from "../../core/tensors/tensor";
import { nodeFiles } from "../nodeFiles";
import { abortable } from "./abortable";
import { JoinedPlan, type PlacedAssembly } from "./joinedPlan";
import { FilesBefore, LongPass, type NumbersSource, type PassOptions } from "./longPass";
import type { MeasuredTensor, NumbersCache } from "./numbersCache";
import type { MeasureJob, Piece, PieceResult, UnpackJob } from "./numbersJob";
import { OtherReading } from "./otherReading";
import { PackedPlan, type PlacedWeight } from "./packedPlan";
import type { PlainReading } from "./plainReading";
import { ViewKeys } from "./sameView";
import { type PlacedTensor, ScanPlan } from "./scanPlan";
import { TensorPlaces } from "./tensorPlaces";
import type { ThreadPool } from "./threadPool";

export interface ScanOptions extends PassOptions {
  /** Told for each tensor, as soon as it is measured; undefined for dtypes that have no numbers. */
  readonly onTensor?: (index: number, numbers: TensorNumbers | undefined, sha256?: string) => void;
  /** Hashes the contiguous, little-endian bytes of every tensor in the same pass. */
  readonly withHashes?: boolean;
  /** Tensors that hold codes are measured as the values that those stand for; without it, and where hashed, as stored. */
  readonly packed?: PackedCodes;
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
    const joined: number[] = [];
    for (const index of indexes) {
      const tensor = checkpoint.tensors[index];
      if (tensor === undefined) throw new RangeError(`No tensor ${index}`);
      if (tensor.assembly !== undefined || this.packedOf(index) !== undefined) {
        joined.push(index);
        this.pass.totalBytes += this.bytesOf(index);
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
    if (joined.length > 0) await this.scanJoined(joined);
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
    for (const [index, measured] of fresh)
      this.tools.cache.set(path, identity, this.cacheName(index), measured);
  }

  /** Tensors that are made of several, in any number of files: what they are is told by all of these together. */
  private async scanJoined(indexes: readonly number[]): Promise<void> {
    const { checkpoint, files } = this.source;
    const isLocal = files === nodeFiles;
    const readable = indexes.filter((index) => {
      const [missing] = this.partsOf(index).flatMap((part) => unreadablePart(part) ?? []);
      if (missing !== undefined) this.fail(index, missing);
      return missing === undefined;
    });
    const filesOf = (index: number) => this.partsOf(index).flatMap(filesOfTensor);
    const touched = [...new Set(readable.flatMap(filesOf))];
    const before = new FilesBefore(this.source);
    await before.look(touched);
    const isSound = (fileIndex: number) => before.identityOf(fileIndex) !== undefined;
    const sound = readable.filter((index) => filesOf(index).every(isSound));
    const identity = touched.map((fileIndex) => before.identityOf(fileIndex)).join("|");
    const fresh: [index: number, measured: MeasuredTensor][] = [];
    const tell = (index: number, measured: MeasuredTensor) => {
      fresh.push([index, measured]);
      this.tell(index, measured);
    };
    const wanted = isLocal ? this.withoutCached(checkpoint.path, identity, sound) : sound;
    const others = await this.measureJoined(wanted, isLocal, tell);
    await this.measureOthers(others, tell);
    this.options.signal?.throwIfAborted();
    const changed = await before.changed();
    this.changedFiles.push(...changed);
    if (!isLocal || changed.length > 0) return;
    for (const [index, measured] of fresh)
      this.tools.cache.set(checkpoint.path, identity, this.cacheName(index), measured);
  }

  /** @returns those that the threads cannot read. */
  private async measureJoined(
    indexes: readonly number[],
    isLocal: boolean,
    onMeasured: (index: number, measured: MeasuredTensor) => void,
  ): Promise<readonly number[]> {
    const { checkpoint } = this.source;
    const withHashes = this.options.withHashes === true;
    const [assemblies, weights, others]: [PlacedAssembly[], PlacedWeight[], number[]] = [[], [], []];
    for (const index of indexes) {
      const tensor = this.tensor(index);
      const weight = this.packedOf(index);
      if (!isLocal || tensor.byteSize === 0) others.push(index);
      else if (weight !== undefined) {
        const extents = await this.places.findAll(weight.stored);
        if (extents === undefined) others.push(index);
        else weights.push({ index, weight, extents });
      } else {
        const hasNumbers = encodingKey(tensor) !== undefined || withHashes;
        const pieces = hasNumbers ? await this.places.findPieces(tensor) : undefined;
        if (pieces === undefined) others.push(index);
        else assemblies.push({ index, tensor, pieces });
      }
    }
    const pathOf = (fileIndex: number) => checkpoint.files[fileIndex]?.path ?? "";
    const listener = {
      onMeasured,
      onUnreadable: (index: number, reason: string) => this.fail(index, reason),
    };
    const joined = new JoinedPlan(assemblies, pathOf, withHashes, listener);
    await this.runJobs(joined.jobs(), (job, results) => joined.take(job, results));
    const { packed } = this.options;
    if (packed === undefined || weights.length === 0) return others;
    const unpacked = new PackedPlan(weights, pathOf, listener);
    await this.pass.run(
      unpacked.jobs(),
      ({ paths, steps }, control): UnpackJob => {
        return {
          kind: "unpack",
          paths,
          control,
          hints: packed.hints,
          pieces: steps.map(({ piece }) => piece),
        };
      },
      (job, results) => unpacked.take(job, results),
    );
    return others;
  }

  private runJobs<
    P extends { readonly paths: readonly string[]; readonly steps: readonly { readonly piece: Piece }[] },
  >(jobs: Iterable<P>, take: (job: P, results: readonly PieceResult[]) => void): Promise<void> {
    return this.pass.run<P, MeasureJob>(
      jobs,
      ({ paths, steps }, control) => {
        return { kind: "measure", paths, control, pieces: steps.map(({ piece }) => piece) };
      },
      take,
    );
  }

  private withoutCached(path: string, identity: string, indexes: readonly number[]): readonly number[] {
    return indexes.filter((index) => {
      const known = this.tools.cache.get(path, identity, this.cacheName(index));
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
      const weight = this.packedOf(index);
      const tensor = weight === undefined ? this.tensor(index) : unpackedTensor(this.tensor(index), weight);
      const view = views.keyOf(tensor);
      const found = (view && known.get(view)) ?? (await reading.measure(tensor));
      if (view !== undefined) known.set(view, found);
      if (this.pass.isCancelled) break;
      if (typeof found === "string") this.fail(index, found);
      else tell(index, found);
      this.pass.otherBytes += this.bytesOf(index);
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

  /** Set where the tensor holds codes and is measured as what these stand for. */
  private packedOf(index: number): PackedWeight | undefined {
    const { packed, withHashes } = this.options;
    return withHashes === true ? undefined : packed?.weights.get(this.tensor(index));
  }

  private partsOf(index: number): readonly Tensor[] {
    return this.packedOf(index)?.stored ?? [this.tensor(index)];
  }

  private bytesOf(index: number): number {
    return this.partsOf(index).reduce((sum, { byteSize }) => sum + byteSize, 0);
  }

  private cacheName(index: number): string {
    const { name } = this.tensor(index);
    return this.packedOf(index) === undefined ? name : `${name}\0unpacked`;
  }
}
