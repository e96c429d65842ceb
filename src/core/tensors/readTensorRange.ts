import type { Tensor } from "./tensor";

/** Reads a range of a tensor's bytes, contiguous and little-endian; offsets are relative to the tensor. */
export type ReadTensorRange = (
  tensor: Tensor,
  offset: number,
  length: number,
  signal?: AbortSignal,
  /** An earlier result, no longer needed, whose memory may be used again. */
  spare?: Uint8Array,
) => Promise<Uint8Array>;
