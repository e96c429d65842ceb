import type { TensorNumbers } from "../../core/analysis/tensorNumbers";

/** What a scan found of one tensor. */
export interface MeasuredTensor {
  /** Undefined for dtypes that have no numbers. */
  readonly numbers: TensorNumbers | undefined;
  /** Of the tensor's contiguous, little-endian bytes, where that was asked for. */
  readonly sha256?: string;
}

/** A histogram of 128 bins and the rest, roughly. */
const bytesOfEntry = 2048;

/** Numbers of tensors by the content of their file; the ones that were not asked for the longest make room. */
export class NumbersCache {
  private readonly entries = new Map<string, MeasuredTensor>();

  constructor(private readonly maxBytes = 128 * 1024 * 1024) {}

  get(path: string, identity: string, tensor: string): MeasuredTensor | undefined {
    const key = keyOf(path, identity, tensor);
    const found = this.entries.get(key);
    if (found === undefined) return undefined;
    this.entries.delete(key);
    this.entries.set(key, found);
    return found;
  }

  set(path: string, identity: string, tensor: string, measured: MeasuredTensor): void {
    const key = keyOf(path, identity, tensor);
    this.entries.delete(key);
    this.entries.set(key, measured);
    if (this.entries.size * bytesOfEntry <= this.maxBytes) return;
    const [oldest] = this.entries.keys();
    if (oldest !== undefined) this.entries.delete(oldest);
  }
}

function keyOf(path: string, identity: string, tensor: string): string {
  return `${path}\0${identity}\0${tensor}`;
}
