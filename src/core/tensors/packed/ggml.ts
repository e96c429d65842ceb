import { decodeBlocks, ggmlBlocks } from "../ggmlBlocks";
import type { Tensor } from "../tensor";
import { type PackedWeight, rowsOf } from "./packedWeight";

/** A tensor of ggml's block types: a row is a whole number of blocks. */
export function ggmlWeight(tensor: Tensor): PackedWeight | undefined {
  const type = ggmlBlocks.get(tensor.dtype);
  const { name, shape } = tensor;
  const { columns } = rowsOf(shape);
  if (type === undefined || tensor.layout !== undefined || columns % type.values !== 0) return undefined;
  const rowBytes = (columns / type.values) * type.bytes;
  return {
    name,
    scheme: `${tensor.dtype}, blocks of ${type.values}`,
    shape,
    stored: [tensor],
    async readRows(first, rows, read, signal) {
      const bytes = await read(tensor, first * rowBytes, rows * rowBytes, signal);
      return decodeBlocks(bytes, tensor.dtype, rows * columns);
    },
  };
}
