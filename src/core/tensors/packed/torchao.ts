import { maxGatherBytes } from "../../problem/limits";
import type { Tensor } from "../tensor";
import { integerLevels } from "./floatCodes";
import { type PackedWeight, rowsOf, type Sibling } from "./packedWeight";
import { blockOf, rowScaled } from "./rowScaled";

/**
 * torchao's tensors whose codes lie as they are: integers or FP8 of whole bytes with scales for rows or blocks, and maybe
 * zero points (`AffineQuantizedTensor` of the plain layout, `Int8Tensor`, `IntxUnpackedToInt8Tensor`, `Float8Tensor`),
 * and `Int4Tensor`. Layouts made for one device are not unpacked. What lies beside the codes begins with `prefix`.
 */
export function torchao(
  name: string,
  codes: Tensor,
  sibling: Sibling,
  prefix: string,
): PackedWeight | undefined {
  const [scales, zeros] = [sibling(`${prefix}scale`), sibling(`${prefix}zero_point`)];
  if (scales === undefined || codes.shape.length < 2 || sibling(`${prefix}act_pre_scale`) !== undefined)
    return undefined;
  if (codes.dtype === "I8" && zeros?.dtype === scales.dtype && isTransposedGrid(codes, scales))
    return int4(name, codes, scales, zeros);
  const block = blockOf(codes.shape, scales);
  if (block === undefined || (zeros !== undefined && zeros.shape.join() !== scales.shape.join()))
    return undefined;
  const kind = codes.dtype.startsWith("F8") ? codes.dtype.replace("F8_", "FP8 ") : "INT8";
  const per =
    block[1] === rowsOf(codes.shape).columns
      ? block[0] === 1
        ? "a scale a row"
        : "one scale"
      : `groups of ${block[0] === 1 ? "" : `${block[0]} × `}${block[1]}`;
  return rowScaled({
    name,
    scheme: `torchao ${kind}, ${per}`,
    shape: codes.shape,
    codes,
    scales: { tensor: scales },
    ...(zeros === undefined ? {} : { offsets: { tensor: zeros } }),
    block,
  });
}

/**
 * Scales of `Int4Tensor` are kept groups by outputs. They may also divide the codes' rows evenly: blocks that are higher
 * than a row are nothing that integers of whole bytes have, whose zero points are integers too.
 */
function isTransposedGrid({ shape }: Tensor, scales: Tensor): boolean {
  const [rows = 0, bytes = 0] = shape;
  const [groups = 0, outputs = 0] = scales.shape;
  if (shape.length !== 2 || scales.shape.length !== 2 || outputs !== rows || groups === 0) return false;
  // A square grid would fit both ways; groups of 16 and more have fewer columns than the codes have bytes.
  return (2 * bytes) % groups === 0 && (2 * bytes) / groups >= 16 && blockOf(shape, scales)?.[0] !== 1;
}

/** Signed codes of 4 bits, the first in the low half of a byte; value = code · scale + zero point. */
function int4(name: string, codes: Tensor, scales: Tensor, zeros: Tensor): PackedWeight | undefined {
  const [rows = 0, bytes = 0] = codes.shape;
  const columns = 2 * bytes;
  const groups = scales.shape[0] as number;
  const size = columns / groups;
  if (zeros.shape.join() !== scales.shape.join() || zeros.dtype !== scales.dtype) return undefined;
  if (scales.byteSize > maxGatherBytes) return undefined;
  return rowScaled({
    name,
    scheme: `torchao INT4, groups of ${size}`,
    shape: [rows, columns],
    codes,
    packed: {
      bits: 4,
      rowBytes: bytes,
      levels: integerLevels(4).map((code) => (code < 8 ? code : code - 16)),
    },
    scales: { tensor: scales, isTransposed: true },
    offsets: { tensor: zeros, isTransposed: true },
    block: [1, size],
    combining: "plus-offset",
  });
}
