import { createHash } from "node:crypto";
import { compareTensors } from "../../core/analysis/compareTensors";
import { measureTensor } from "../../core/analysis/measureTensor";
import type { NumberKernels } from "../../core/analysis/numberKernels";
import { PlainKernels } from "../../core/analysis/plainKernels";
import type { TensorDifference } from "../../core/analysis/tensorDifference";
import { TensorReader } from "../../core/checkpoint/tensorReader";
import type { ReadTensorRange } from "../../core/tensors/readTensorRange";
import type { Tensor } from "../../core/tensors/tensor";
import type { NumbersSource } from "./longPass";
import type { MeasuredTensor } from "./numbersCache";

let makeKernels: () => NumberKernels | undefined = () => undefined;

/** Sets what `PlainReading` measures with in this thread; undefined where the host has none. */
export function useNumberKernels(make: () => NumberKernels | undefined): void {
  makeKernels = make;
}

/**
 * Measures tensors that lie in their file in no plain way: compressed, with strides, sparse, big-endian, or in a
 * file that is no local one. One after the other, for the kernels' memory is shared.
 */
export class PlainReading {
  private last: Promise<unknown> = Promise.resolve();
  /** Made when they are first needed: most tensors lie plainly. */
  private made: NumberKernels | undefined;

  private get kernels(): NumberKernels {
    this.made ??= makeKernels() ?? new PlainKernels();
    return this.made;
  }

  measure(
    reader: TensorReader,
    tensor: Tensor,
    options: { readonly signal: AbortSignal | undefined; readonly withHash: boolean },
  ): Promise<MeasuredTensor> {
    const next = this.last.then(() => this.measureNow(reader, tensor, options));
    this.last = next.catch(() => undefined);
    return next;
  }

  /** Undefined for tensors that have nothing to compare. */
  compare(
    sources: readonly [NumbersSource, NumbersSource],
    tensors: readonly [Tensor, Tensor],
    signal: AbortSignal | undefined,
  ): Promise<TensorDifference | undefined> {
    const next = this.last.then(() => this.compareNow(sources, tensors, signal));
    this.last = next.catch(() => undefined);
    return next;
  }

  private async compareNow(
    [a, b]: readonly [NumbersSource, NumbersSource],
    tensors: readonly [Tensor, Tensor],
    signal: AbortSignal | undefined,
  ): Promise<TensorDifference | undefined> {
    const readers = [
      new TensorReader(a.files, a.checkpoint),
      new TensorReader(b.files, b.checkpoint),
    ] as const;
    try {
      const read =
        (side: 0 | 1): ReadTensorRange =>
        (...range) =>
          readers[side].readRange(...range);
      return await compareTensors(tensors, [read(0), read(1)], this.kernels, signal);
    } finally {
      await Promise.all(readers.map((reader) => reader.close()));
    }
  }

  private async measureNow(
    reader: TensorReader,
    tensor: Tensor,
    { signal, withHash }: { readonly signal: AbortSignal | undefined; readonly withHash: boolean },
  ): Promise<MeasuredTensor> {
    const hash = withHash ? createHash("sha256") : undefined;
    // What has no bytes is read all the same: it may be that they are not known.
    if (tensor.byteSize === 0) await reader.read(tensor, signal);
    const numbers = await measureTensor(
      tensor,
      (part, offset, length) => reader.readRange(part, offset, length, signal),
      this.kernels,
      {
        signal,
        ...(hash === undefined ? {} : { onBytes: (bytes: Uint8Array) => void hash.update(bytes) }),
      },
    );
    return { numbers, ...(hash === undefined ? {} : { sha256: hash.digest("hex") }) };
  }
}
