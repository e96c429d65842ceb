/**
 * Values of a moment that bitsandbytes keeps in 8 bits: each byte is an index into `qmap`, scaled by the largest
 * magnitude of its block (bitsandbytes, blockwise quantisation).
 * @param state one byte for each value
 * @param qmap 256 values between -1 and 1, or 0 and 1
 * @param absmax one value for each block
 * @param first index of the first of these values in the whole tensor, of `total` values
 */
export function dequantiseBlockwise(
  state: Uint8Array,
  qmap: Float64Array,
  absmax: Float64Array,
  total: number,
  first = 0,
): Float64Array {
  const block = blockSize(total, absmax.length);
  const values = new Float64Array(state.length);
  for (let at = 0; at < state.length; at++) {
    const scale = absmax[Math.floor((first + at) / block)] ?? Number.NaN;
    values[at] = (qmap[state[at] as number] ?? Number.NaN) * scale;
  }
  return values;
}

/**
 * Values of a block. Blocks have 256 or 2048 values, in old versions 4096; only the number of blocks tells which.
 */
export function blockSize(values: number, blocks: number): number {
  const sizes = [256, 2048, 4096, 64, 128, 512, 1024];
  return (
    sizes.find((size) => Math.ceil(values / size) === blocks) ??
    Math.max(1, Math.ceil(values / Math.max(1, blocks)))
  );
}
