import { dtypeBits } from "../../../../src/core/tensors/dtype";
import { encodeValues, isWritableDtype } from "../../../../src/core/tensors/encode";
import { elementCount, type Tensor } from "../../../../src/core/tensors/tensor";

/**
 * Bytes of a made-up tensor: its values follow from its name and their places alone, look like weights (bell-shaped,
 * some columns wider than others), and need no memory, however large it is.
 */
export function sampleBytes(tensor: Tensor, offset: number, length: number): Uint8Array {
  const bits = dtypeBits.get(tensor.dtype) ?? 8;
  const first = Math.floor((offset * 8) / bits);
  const end = Math.ceil(((offset + length) * 8) / bits);
  const bytes = encode(tensor, first, end - first);
  const start = offset - (first * bits) / 8;
  return bytes.slice(start, start + length);
}

function encode(tensor: Tensor, first: number, count: number): Uint8Array {
  const { dtype } = tensor;
  if (isWritableDtype(dtype)) {
    return encodeValues(
      Float64Array.from({ length: count }, (_, at) => weight(tensor, first + at)),
      dtype,
    );
  }
  if (dtype === "C64") {
    const parts = Float64Array.from({ length: 2 * count }, (_, at) => (2 * first + at) / 4 - 1);
    return encodeValues(parts, "F32");
  }
  if (dtype === "I64") {
    // Beyond 2^53, where a double no longer tells neighbours apart.
    return new Uint8Array(
      BigInt64Array.from({ length: count }, (_, at) => 9_007_199_254_740_993n + BigInt(first + at)).buffer,
    );
  }
  const width = (dtypeBits.get(dtype) ?? 8) / 8;
  return Uint8Array.from({ length: count * width }, (_, at) => Math.floor(256 * noise(first * width + at)));
}

/** A planted NaN: what a scan has to find. */
export const nanPlace = 12_345;

function weight({ name, shape }: Tensor, place: number): number {
  if (name.includes("broken") && place === nanPlace) return Number.NaN;
  if (name.endsWith(".step")) return 300;
  if (name.endsWith("exp_avg_sq")) return (0.001 * bell(place)) ** 2;
  if (name.endsWith("exp_avg")) return 0.001 * bell(place + 0.1);
  if (name.includes("norm")) return 1 + 0.05 * bell(place);
  const columns = shape.at(-1) ?? 1;
  const column = place % columns;
  const row = Math.floor(place / columns);
  const wide = column % 97 === 13 ? 6 : 1;
  const band = 1 + Math.sin((row / Math.max(1, elementCount(shape) / columns)) * Math.PI * 3);
  return 0.02 * wide * band * bell(place * 2 + name.length);
}

function bell(place: number): number {
  return (noise(place) + noise(place + 0.25) + noise(place + 0.5) + noise(place + 0.75) - 2) * 1.73;
}

/** Between 0 and 1, and the same for the same place. */
function noise(place: number): number {
  const wave = Math.sin(place * 12.9898) * 43_758.5453;
  return wave - Math.floor(wave);
}
