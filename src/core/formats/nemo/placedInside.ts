import { type ByteRegion, NestedRegion } from "../../bytes/byteRegion";
import type { Tensor } from "../../tensors/tensor";
import type { TensorStorage } from "../../tensors/tensorLayout";

/**
 * Tensors of a file as tensors of the archive that the file is a member of. Tensors that share memory go on sharing it.
 * @param regionOf the member that a tensor's `fileIndex` means, in the archive
 */
export class PlacedInside {
  private readonly storages = new Map<TensorStorage, TensorStorage>();
  private readonly regions = new Map<ByteRegion, Map<ByteRegion, ByteRegion>>();
  private readonly tensors = new Map<Tensor, Tensor>();

  constructor(private readonly regionOf: (fileIndex: number) => ByteRegion) {}

  place(tensor: Tensor): Tensor {
    const known = this.tensors.get(tensor);
    if (known !== undefined) return known;
    const { layout, assembly, fileIndex } = tensor;
    const outer = this.regionOf(fileIndex);
    const placed: Tensor = {
      ...tensor,
      fileIndex: 0,
      offset: outer.fileOffset + tensor.offset,
      ...(layout === undefined
        ? {}
        : { layout: { ...layout, storage: this.storage(outer, layout.storage) } }),
      ...(assembly === undefined
        ? {}
        : {
            assembly: {
              ...assembly,
              pieces: assembly.pieces.map((piece) => ({
                ...piece,
                fileIndex: 0,
                region: this.region(this.regionOf(piece.fileIndex), piece.region),
              })),
            },
          }),
    };
    this.tensors.set(tensor, placed);
    return placed;
  }

  private storage(outer: ByteRegion, storage: TensorStorage): TensorStorage {
    const known = this.storages.get(storage);
    if (known !== undefined) return known;
    const { region } = storage;
    const placed = { ...storage, region: region && this.region(outer, region) };
    this.storages.set(storage, placed);
    return placed;
  }

  private region(outer: ByteRegion, inner: ByteRegion): ByteRegion {
    const ofOuter = this.regions.get(outer) ?? new Map<ByteRegion, ByteRegion>();
    this.regions.set(outer, ofOuter);
    const known = ofOuter.get(inner);
    if (known !== undefined) return known;
    const nested = new NestedRegion(outer, inner);
    ofOuter.set(inner, nested);
    return nested;
  }
}
