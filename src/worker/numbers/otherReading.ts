import type { ByteRegion } from "../../core/bytes/byteRegion";
import { TensorReader } from "../../core/checkpoint/tensorReader";
import { messageOf } from "../../core/problem/messageOf";
import type { Tensor } from "../../core/tensors/tensor";
import type { NumbersSource } from "./longPass";
import type { MeasuredTensor } from "./numbersCache";
import type { PlainReading } from "./plainReading";
import type { ScanOptions } from "./scan";

/**
 * Measures tensors that the threads do not read. What was unpacked of a storage is kept for the next view of it, and
 * let go with the last one.
 */
export class OtherReading {
  private reader: TensorReader | undefined;
  private region: ByteRegion | undefined;

  constructor(
    private readonly source: NumbersSource,
    private readonly reading: PlainReading,
    private readonly options: Pick<ScanOptions, "signal" | "withHashes">,
  ) {}

  /** The numbers, or why the bytes cannot be had. */
  async measure(tensor: Tensor): Promise<MeasuredTensor | string> {
    const { signal, withHashes } = this.options;
    try {
      const reader = await this.readerFor(tensor);
      return await this.reading.measure(reader, tensor, { signal, withHash: withHashes === true });
    } catch (error) {
      return messageOf(error);
    }
  }

  async close(): Promise<void> {
    await this.reader?.close();
    this.reader = undefined;
  }

  private async readerFor(tensor: Tensor): Promise<TensorReader> {
    const region = tensor.layout?.storage.region;
    if (this.reader === undefined || region === undefined || region !== this.region) {
      await this.close();
      this.reader = new TensorReader(this.source.files, this.source.checkpoint);
      this.region = region;
    }
    return this.reader;
  }
}
