import { unpackedColumns } from "../../core/analysis/compareTensors";
import { type EncodingKey, encodingKey, encodingOf } from "../../core/analysis/numberEncoding";
import { areComparable, bytesOfValues } from "../../core/analysis/tensorComparer";
import {
  finishDifference,
  mergeDifference,
  type PartialDifference,
  type TensorDifference,
} from "../../core/analysis/tensorDifference";
import { messageOf } from "../../core/problem/messageOf";
import { filesOfTensor } from "../../core/tensors/assembly";
import type { PackedWeight, WeightMaking } from "../../core/tensors/packed/packedWeight";
import type { Extent } from "../../core/tensors/plainExtent";
import { bytesInFiles, elementCount, packedBytes, type Tensor } from "../../core/tensors/tensor";
import { nodeFiles } from "../nodeFiles";
import { abortable } from "./abortable";
import { JobPaths } from "./jobPaths";
import { joinedOfPiece, manyParts } from "./joinedPlan";
import type { NumbersSource } from "./longPass";
import { FilesBefore, LongPass, type PassOptions } from "./longPass";
import type { CompareJob, PairPiece, PairPieceResult, PairSide } from "./numbersJob";
import { placedStored } from "./packedPlan";
import { PartsInOrder } from "./partsInOrder";
import type { ScanTools } from "./scan";
import { type PlacedPiece, TensorPlaces } from "./tensorPlaces";

/** Indexes of two tensors, each in its own checkpoint. */
export interface TensorPair {
  readonly a: number;
  readonly b: number;
}

export interface CompareOptions extends PassOptions {
  /**
   * Told for each pair, by its place in the list, as soon as it is compared. Undefined for tensors that have nothing
   * to compare: of another number of elements, of dtypes without numbers, a complex and a real one.
   */
  readonly onPair?: (pair: number, difference: TensorDifference | undefined) => void;
}

export interface CompareOutcome {
  /** Pairs that `onPair` was told of, those of changed files included. */
  readonly compared: number;
  /** Pairs of which the bytes could not be had, by their place in the list, with the reason. */
  readonly unreadable: readonly { readonly pair: number; readonly reason: string }[];
  /**
   * Indexes of files that are not what they were when the checkpoint was opened, or that changed while they were
   * read. What was told of their tensors means nothing.
   */
  readonly changedFiles: { readonly a: readonly number[]; readonly b: readonly number[] };
  readonly bytes: number;
}

/**
 * Values of a piece: nearly 16 MiB of F32 a side. A multiple of 48 and of 256, so that it ends where a byte does in every
 * dtype, and where a block of ggml does.
 */
const pieceUnit = 768;
const pieceValues = pieceUnit * 5461;

/** Small pairs are sent to a thread together: a message costs more than comparing one. */
const maxPiecesOfJob = 256;

/**
 * Compares tensors of two checkpoints pair by pair, in the order of the list.
 * @throws the signal's reason as soon as it is cancelled; the threads stop at their next chunk.
 */
export async function compareTensorPairs(
  a: NumbersSource,
  b: NumbersSource,
  pairs: readonly TensorPair[],
  options: CompareOptions,
  tools: ScanTools,
): Promise<CompareOutcome> {
  options.signal?.throwIfAborted();
  const comparing = new PairComparing([a, b], pairs, options, tools);
  return abortable(
    comparing.run().finally(() => comparing.close()),
    options.signal,
  );
}

type Side = 0 | 1;
const bothSides = [0, 1] as const;

/** Where one side of a pair lies: in one range of a file, in pieces in several, or as codes and what belongs to them. */
type PlacedSide =
  | { readonly tensor: Tensor; readonly extent: Extent }
  | { readonly tensor: Tensor; readonly pieces: readonly PlacedPiece[] }
  | { readonly weight: PackedWeight; readonly madeBy: WeightMaking; readonly extents: readonly Extent[] };

interface PlacedPair {
  readonly pair: number;
  readonly sides: readonly [PlacedSide, PlacedSide];
  readonly encodings: readonly [EncodingKey, EncodingKey];
  readonly values: number;
  /** As in `PairPiece`. */
  readonly columns: number;
}

interface PairStep {
  readonly piece: PairPiece;
  readonly target: PairParts;
  readonly at: number;
}

interface PairParts {
  readonly pair: number;
  readonly parts: PartsInOrder<PartialDifference>;
  isFailed: boolean;
}

class PairComparing {
  private readonly pass: LongPass;
  private readonly places: readonly [TensorPlaces, TensorPlaces];
  private readonly before: readonly [FilesBefore, FilesBefore];
  private readonly unreadable: { pair: number; reason: string }[] = [];
  private compared = 0;

  constructor(
    private readonly sources: readonly [NumbersSource, NumbersSource],
    private readonly pairs: readonly TensorPair[],
    private readonly options: CompareOptions,
    private readonly tools: ScanTools,
  ) {
    const [a, b] = sources;
    this.places = [new TensorPlaces(a.files, a.checkpoint), new TensorPlaces(b.files, b.checkpoint)];
    this.before = [new FilesBefore(a), new FilesBefore(b)];
    this.pass = new LongPass(tools.threads, options);
    this.pass.totalBytes = pairs.reduce(
      (sum, pair) => sum + bytesInFiles(this.tensor(pair, 0)) + bytesInFiles(this.tensor(pair, 1)),
      0,
    );
  }

  async run(): Promise<CompareOutcome> {
    for (const side of bothSides)
      await this.before[side].look(this.pairs.flatMap((pair) => filesOfTensor(this.tensor(pair, side))));
    const others: number[] = [];
    await this.pass.run(
      this.jobs(others),
      ({ paths, steps }, control): CompareJob => {
        return { kind: "compare", paths, control, pieces: steps.map(({ piece }) => piece) };
      },
      ({ steps }, results) => this.take(steps, results),
    );
    for (const pair of others) await this.compareOther(pair);
    this.options.signal?.throwIfAborted();
    const changedFiles = { a: await this.before[0].changed(), b: await this.before[1].changed() };
    this.options.signal?.throwIfAborted();
    this.pass.report();
    return { compared: this.compared, unreadable: this.unreadable, changedFiles, bytes: this.pass.doneBytes };
  }

  async close(): Promise<void> {
    this.pass.close();
    await Promise.all(this.places.map((places) => places.close()));
  }

  /** Jobs of pairs that the threads can read; the others are left in the list. */
  private async *jobs(
    others: number[],
  ): AsyncGenerator<{ readonly paths: readonly string[]; readonly steps: readonly PairStep[] }> {
    let job = new PairJob(this.sources);
    for (const pair of this.pairs.keys()) {
      const placed = await this.place(pair);
      if (placed === "other") others.push(pair);
      if (typeof placed === "string") continue;
      for (const step of stepsOf(placed)) {
        job.add(placed, step);
        if (!job.isFull) continue;
        yield job;
        job = new PairJob(this.sources);
      }
    }
    if (job.steps.length > 0) yield job;
  }

  private async place(pair: number): Promise<PlacedPair | "other" | "told"> {
    const tensors = bothSides.map((side) => this.tensor(this.pairAt(pair), side)) as [Tensor, Tensor];
    const [a, b] = tensors;
    const fits = elementCount(a.shape) === elementCount(b.shape) && areComparable(a.dtype, b.dtype);
    const hasNumbers = tensors.every(
      (tensor) => encodingKey(tensor) !== undefined || tensor.layout?.quantisation !== undefined,
    );
    const isKnown = bothSides.every((side) =>
      filesOfTensor(tensors[side]).every((file) => this.before[side].identityOf(file) !== undefined),
    );
    if (!fits || !hasNumbers || !isKnown) {
      this.pass.otherBytes += bytesInFiles(a) + bytesInFiles(b);
      this.tell(pair, undefined);
      return "told";
    }
    const encodings = tensors.map(encodingKey);
    const values = elementCount(a.shape) * valuesPerElement(a.dtype);
    if (values === 0 || encodings.includes(undefined)) return "other";
    const sides = [await this.placeSide(a, 0), await this.placeSide(b, 1)];
    if (sides.includes(undefined)) return "other";
    return { pair, values, encodings, sides, columns: unpackedColumns(tensors) } as unknown as PlacedPair;
  }

  /** Undefined where the threads cannot read it: packed, compressed, incomplete, or in no local file. */
  private async placeSide(tensor: Tensor, side: Side): Promise<PlacedSide | undefined> {
    if (this.sources[side].files !== nodeFiles) return undefined;
    const { packed: weight } = tensor;
    if (weight !== undefined) {
      const { madeBy, stored } = weight;
      const extents = madeBy && (await this.places[side].findAll(stored));
      return extents && { weight, madeBy, extents };
    }
    if (tensor.assembly === undefined) {
      const extent = await this.places[side].find(tensor, { anyOrder: false });
      return extent?.length === tensor.byteSize ? { tensor, extent } : undefined;
    }
    // A chunk of values may end within a complex number, a read of pieces may not.
    if (valuesPerElement(tensor.dtype) !== 1) return undefined;
    const pieces = await this.places[side].findPieces(tensor);
    return pieces && { tensor, pieces };
  }

  private take(steps: readonly PairStep[], results: readonly PairPieceResult[]): void {
    for (const [index, { failure, partial }] of results.entries()) {
      const { target, at } = steps[index] as PairStep;
      if (target.isFailed) continue;
      if (failure !== undefined || partial === undefined) {
        target.isFailed = true;
        this.unreadable.push({ pair: target.pair, reason: failure ?? "" });
        continue;
      }
      const whole = target.parts.add(at, partial);
      if (whole !== undefined) this.tell(target.pair, finishDifference(whole));
    }
  }

  private async compareOther(pair: number): Promise<void> {
    if (this.pass.isCancelled) return;
    const { signal } = this.options;
    const tensors = bothSides.map((side) => this.tensor(this.pairAt(pair), side)) as [Tensor, Tensor];
    try {
      this.tell(pair, await this.tools.reading.compare(this.sources, tensors, signal));
    } catch (error) {
      if (this.pass.isCancelled) return;
      this.unreadable.push({ pair, reason: messageOf(error) });
    }
    this.pass.otherBytes += bytesInFiles(tensors[0]) + bytesInFiles(tensors[1]);
  }

  private tell(pair: number, difference: TensorDifference | undefined): void {
    if (this.pass.isCancelled) return;
    this.compared++;
    this.options.onPair?.(pair, difference);
  }

  private pairAt(pair: number): TensorPair {
    return this.pairs[pair] as TensorPair;
  }

  private tensor(pair: TensorPair, side: Side): Tensor {
    const index = side === 0 ? pair.a : pair.b;
    const tensor = this.sources[side].checkpoint.tensors[index];
    if (tensor === undefined) throw new RangeError(`No tensor ${index}`);
    return tensor;
  }
}

function valuesPerElement(dtype: string): number {
  return /^C\d/.test(dtype) ? 2 : 1;
}

interface PlannedStep {
  readonly first: number;
  readonly values: number;
  readonly target: PairParts;
  readonly at: number;
  /** Steps of the pair. */
  readonly count: number;
}

function* stepsOf({ pair, values, columns }: PlacedPair): Generator<PlannedStep> {
  const step = columns === 1 ? pieceValues : wholeRows(columns);
  const count = Math.ceil(values / step);
  const target: PairParts = { pair, parts: new PartsInOrder(count, mergeDifference), isFailed: false };
  for (let at = 0; at < count; at++) {
    const first = at * step;
    yield { first, values: Math.min(step, values - first), target, at, count };
  }
}

/** About as many values as other pieces have, of rows that end where a block and a byte does too. */
function wholeRows(columns: number): number {
  let rows = 1;
  while ((rows * columns) % pieceUnit !== 0) rows++;
  const unit = rows * columns;
  return Math.max(1, Math.floor(pieceValues / unit)) * unit;
}

/** Steps that one thread does after each other, and the files of both sides that these are in. */
class PairJob {
  readonly steps: PairStep[] = [];
  /** A file of either side has a number of its own: twice its index, and one more on the second. */
  private readonly files: JobPaths;
  private values = 0;
  private parts = 0;

  constructor(sources: readonly [NumbersSource, NumbersSource]) {
    this.files = new JobPaths(
      (file) => sources[(file % 2) as Side].checkpoint.files[Math.floor(file / 2)]?.path ?? "",
    );
  }

  get paths(): readonly string[] {
    return this.files.list;
  }

  get isFull(): boolean {
    return this.values >= pieceValues || this.steps.length >= maxPiecesOfJob || this.parts >= manyParts;
  }

  add({ sides, encodings, columns }: PlacedPair, { first, values, target, at, count }: PlannedStep): void {
    const placed = bothSides.map((side): PairSide => {
      const key = encodings[side];
      const bytesOf = (count: number) => bytesOfValues(encodingOf(key), key.dtype, count);
      const addFile = (fileIndex: number) => this.files.add(2 * fileIndex + side);
      const own = sides[side];
      const offset = bytesOf(first);
      if ("weight" in own) {
        const { weight, madeBy, extents } = own;
        const share = Math.floor(packedBytes(weight) / count);
        const bytes = at === count - 1 ? packedBytes(weight) - at * share : share;
        return { file: 0, offset, packed: { stored: placedStored(weight, extents, addFile), madeBy, bytes } };
      }
      if ("extent" in own) return { file: addFile(own.tensor.fileIndex), offset: own.extent.offset + offset };
      const length = bytesOf(first + values) - offset;
      const joined = joinedOfPiece(own, { offset, length }, addFile);
      this.parts += joined.parts.length;
      return { file: 0, offset, joined };
    }) as [PairSide, PairSide];
    const ofRows = columns === 1 ? {} : { columns };
    this.steps.push({ piece: { sides: placed, encodings, values, ...ofRows }, target, at });
    this.values += values;
  }
}
