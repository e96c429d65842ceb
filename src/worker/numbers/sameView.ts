import type { ByteRegion } from "../../core/bytes/byteRegion";
import type { Tensor } from "../../core/tensors/tensor";

/** Tells views of the same bytes: a file may list one storage under any number of names. */
export class ViewKeys {
  private readonly regions = new Map<ByteRegion, number>();

  /** Equal for tensors that read the same values of the same storage; undefined for those that take more to compare. */
  keyOf({ dtype, shape, fileIndex, layout, assembly, packed }: Tensor): string | undefined {
    const region = layout?.storage.region;
    if (layout === undefined || region === undefined || assembly !== undefined || packed !== undefined) {
      return undefined;
    }
    const { sparse, quantisation, storage, storageOffset, strides, elementBytes, elementShape } = layout;
    if (sparse !== undefined || quantisation !== undefined) return undefined;
    return JSON.stringify([
      ...[fileIndex, this.numberOf(region), dtype, shape, storageOffset, strides, elementBytes, elementShape],
      ...[storage.bigEndian, layout.conjugate === true, layout.negative === true],
    ]);
  }

  private numberOf(region: ByteRegion): number {
    const known = this.regions.get(region);
    if (known !== undefined) return known;
    this.regions.set(region, this.regions.size);
    return this.regions.size - 1;
  }
}
