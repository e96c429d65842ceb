import { join } from "node:path";
import type { TensorDifference } from "../../core/analysis/tensorDifference";
import type { TensorNumbers } from "../../core/analysis/tensorNumbers";
import type { CompareModules } from "../../core/compare/comparison";
import type { FollowModules } from "../../core/compare/computeTimeline";
import type { CheckpointSession } from "../../core/session/checkpointSession";
import type { Tensor } from "../../core/tensors/tensor";
import type { FactorWork, MakeFactors } from "../../core/transform/factorQueue";
import type { MeasureModules } from "../../core/update/measureModule";
import type { HeatMap } from "../../core/values/heatMap";
import { heatMapOnThreads, type ShownPart } from "../heatPass";
import { factorsOnThreads } from "../updates/factorsPass";
import { compareOnThreads, followOnThreads, measureOnThreads } from "../updates/updatesPass";
import {
  type CompareOptions,
  type CompareOutcome,
  compareTensorPairs,
  type TensorPair,
} from "./compareTensorPairs";
import type { NumbersSource, PassOptions } from "./longPass";
import { NumbersCache } from "./numbersCache";
import { PlainReading } from "./plainReading";
import { type ScanOptions, type ScanOutcome, scanTensors } from "./scan";
import { ThreadPool } from "./threadPool";

export interface NumbersPoolOptions {
  /** At least 1. */
  readonly threads: number;
  /** The bundle of numbersThread.ts; by default the one beside this bundle. */
  readonly threadFile?: string;
}

/** A tensor of an open checkpoint. */
export interface TensorOf {
  readonly source: NumbersSource;
  readonly tensor: Tensor;
}

const changed = "The file has changed since it was opened. Reload the editor.";

/** The file of the tensor is not what it was when the checkpoint was opened. */
export class FileChangedError extends Error {
  override readonly name = "FileChangedError";
}

/**
 * Measures tensors with several threads, each byte once. Results are kept by the content of their file. Any number
 * of calls may run at once.
 */
export class NumbersPool {
  private readonly threads: ThreadPool;
  private readonly cache = new NumbersCache();
  private readonly reading = new PlainReading();

  constructor({ threads, threadFile = join(__dirname, "numbersThread.js") }: NumbersPoolOptions) {
    this.threads = new ThreadPool(Math.max(1, Math.floor(threads)), threadFile);
  }

  /**
   * @param tensor one of the checkpoint's.
   * @returns undefined for dtypes that have no numbers.
   * @throws FileChangedError, RangeError where the bytes cannot be had, the signal's reason when cancelled.
   */
  async measure(
    source: NumbersSource,
    tensor: Tensor,
    options: Pick<ScanOptions, "signal" | "onBytes" | "packed"> = {},
  ): Promise<TensorNumbers | undefined> {
    const index = source.checkpoint.tensors.indexOf(tensor);
    let found: TensorNumbers | undefined;
    const onTensor = (_index: number, numbers: TensorNumbers | undefined) => {
      found = numbers;
    };
    const outcome = await this.scan(source, [index], { ...options, urgent: true, onTensor });
    if (outcome.changedFiles.length > 0) {
      throw new FileChangedError(changed);
    }
    const [unreadable] = outcome.unreadable;
    if (unreadable !== undefined) throw new RangeError(unreadable.reason);
    return found;
  }

  /**
   * Measures many tensors, all of them where `indexes` is undefined. What cannot be read is told in the outcome and
   * stops nothing.
   * @throws the signal's reason as soon as it is cancelled; the threads stop at their next chunk.
   */
  scan(
    source: NumbersSource,
    indexes: readonly number[] | undefined,
    options: ScanOptions = {},
  ): Promise<ScanOutcome> {
    const { threads, cache, reading } = this;
    const wanted = indexes ?? [...source.checkpoint.tensors.keys()];
    return scanTensors(source, wanted, options, { threads, cache, reading });
  }

  /**
   * Compares tensors of two checkpoints, pair by pair.
   * @throws the signal's reason as soon as it is cancelled; the threads stop at their next chunk.
   */
  compare(
    a: NumbersSource,
    b: NumbersSource,
    pairs: readonly TensorPair[],
    options: CompareOptions = {},
  ): Promise<CompareOutcome> {
    const { threads, cache, reading } = this;
    return compareTensorPairs(a, b, pairs, options, { threads, cache, reading });
  }

  /**
   * Compares one tensor with another: b - a. Either may be a weight unpacked from a tensor of the checkpoint.
   * @returns undefined for tensors that have nothing to compare.
   * @throws FileChangedError, RangeError where the bytes cannot be had, the signal's reason when cancelled.
   */
  async diff(
    a: TensorOf,
    b: TensorOf,
    options: Pick<CompareOptions, "signal" | "onBytes"> = {},
  ): Promise<TensorDifference | undefined> {
    const [from, to] = [withTensors(a.source, [a.tensor]), withTensors(b.source, [b.tensor])];
    const left = from.checkpoint.tensors.indexOf(a.tensor);
    const right = to.checkpoint.tensors.indexOf(b.tensor);
    let found: TensorDifference | undefined;
    const onPair = (_pair: number, difference: TensorDifference | undefined) => {
      found = difference;
    };
    const pair = { a: left, b: right };
    const outcome = await this.compare(from, to, [pair], { ...options, urgent: true, onPair });
    if (outcome.changedFiles.a.length + outcome.changedFiles.b.length > 0)
      throw new FileChangedError(changed);
    const [unreadable] = outcome.unreadable;
    if (unreadable !== undefined) throw new RangeError(unreadable.reason);
    return found;
  }

  /**
   * The picture of a part of a slice.
   * @throws FileChangedError, RangeError where the bytes cannot be had, UnsupportedDtypeError, the signal's reason when
   * cancelled.
   */
  async heatMap(
    source: NumbersSource,
    tensor: Tensor,
    shown: ShownPart,
    options: PassOptions = {},
  ): Promise<HeatMap> {
    const map = await heatMapOnThreads(this.threads, source, tensor, shown, { ...options, urgent: true });
    if (map === undefined) throw new FileChangedError(changed);
    return map;
  }

  /** Undefined where the modules of an adapter are measured as fast without threads. */
  measureModules(session: CheckpointSession, signal?: AbortSignal): MeasureModules | undefined {
    return measureOnThreads(this.threads, session, signal);
  }

  compareModules(signal?: AbortSignal): CompareModules {
    return compareOnThreads(this.threads, signal);
  }

  followModules(signal?: AbortSignal): FollowModules {
    return followOnThreads(this.threads, signal);
  }

  /** Makes the factors of new adapters, some modules ahead of who writes them. */
  makeFactors(work: FactorWork): MakeFactors {
    return factorsOnThreads(this.threads, work);
  }

  /** Ends the threads and what runs in them. */
  dispose(): Promise<void> {
    return this.threads.dispose();
  }
}

/** A source with tensors that its directory does not list: slices of those that it does. */
export function withTensors({ files, checkpoint }: NumbersSource, tensors: readonly Tensor[]): NumbersSource {
  const listed = new Set(checkpoint.tensors);
  const more = tensors.filter((tensor) => !listed.has(tensor));
  return {
    files,
    checkpoint: more.length === 0 ? checkpoint : { ...checkpoint, tensors: [...checkpoint.tensors, ...more] },
  };
}
