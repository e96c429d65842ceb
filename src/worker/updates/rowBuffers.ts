import type { Tensor } from "../../core/tensors/tensor";
import type { ModuleReader } from "../../core/update/measureModule";
import type { JobFiles } from "../numbers/jobFiles";

/** Modules of a layer have factors of a few sizes, which come again in the next layer. */
const keptBytes = 32_000_000;

/**
 * Memory for the bytes of one row's factors, used again for the next: with some megabytes anew for each row the garbage
 * collector takes a quarter of the time, and the system must clear it.
 */
export class RowBuffers {
  private free: Uint8Array[] = [];
  private used: Uint8Array[] = [];

  /** Reads plain bytes; what is read stands until the row ends. */
  over(files: JobFiles): ModuleReader {
    return { read: async (tensor) => this.read(files, tensor) };
  }

  /** Nobody looks at its bytes any more. What was not needed for longest is let go. */
  endRow(): void {
    let bytes = 0;
    const all = [...this.used, ...this.free];
    this.free = all.filter(({ length }, at) => {
      bytes += length;
      return at < this.used.length || bytes <= keptBytes;
    });
    this.used = [];
  }

  private read(files: JobFiles, { fileIndex, offset, byteSize }: Tensor): Uint8Array {
    const at = this.free.findIndex(({ length }) => length === byteSize);
    const [bytes = new Uint8Array(byteSize)] = at < 0 ? [] : this.free.splice(at, 1);
    const failure = files.read(fileIndex, offset, bytes, byteSize);
    if (failure !== undefined) throw new Error(failure);
    this.used.push(bytes);
    return bytes;
  }
}
