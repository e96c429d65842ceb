import type { TensorReader } from "../../core/checkpoint/tensorReader";
import type { Tensor } from "../../core/tensors/tensor";
import type { ModuleReader } from "../../core/update/measureModule";

/**
 * Memory for the bytes of one row's factors, used again for the next: with some megabytes anew for each row the garbage
 * collector takes a quarter of the time.
 */
export class RowBuffers {
  private free: Uint8Array[] = [];
  private used: Uint8Array[] = [];

  /** Reads as the reader does; what is read stands until the row ends. */
  over(reader: TensorReader): ModuleReader {
    return { read: (tensor) => this.read(reader, tensor) };
  }

  /** Nobody looks at its bytes any more. What this row did not need is let go. */
  endRow(): void {
    this.free = this.used;
    this.used = [];
  }

  private async read(reader: TensorReader, tensor: Tensor): Promise<Uint8Array> {
    const at = this.free.findIndex(({ length }) => length === tensor.byteSize);
    const [spare] = at < 0 ? [] : this.free.splice(at, 1);
    const bytes = await reader.readRange(tensor, 0, tensor.byteSize, undefined, spare);
    this.used.push(bytes);
    return bytes;
  }
}
