import { CheckpointError } from "../../problem/checkpointError";

const headBytes = 21;
const minimumAt = 5;
const ofFloats = 1;
const isBigEndian = 1;
const byDecimals = 0;
const ofIntegers = 2;

/**
 * Unpacks the scale-offset filter (H5Zscaleoffset.c of HDF5 1.14): the distance of each value from the least one, in
 * as many bits as the widest takes; of floats after a number of decimals was kept.
 * @throws CheckpointError `DamagedChunk` where the data is cut or its settings are impossible.
 */
export function unpackScaleOffset(packed: Uint8Array, parameters: readonly number[]): Uint8Array {
  const [method = 0, factor = 0, count = 0, kind = 0, width = 0, , order = 0, hasFill = 0] = parameters;
  const isFloat = kind === ofFloats;
  if (![1, 2, 4, 8].includes(width) || (isFloat && width < 4)) throw damaged("its settings are impossible");
  if (isFloat && method !== byDecimals) throw damaged("floats were scaled in a way that is not known");
  // Nothing was done to integers whose every bit was wanted.
  if (method === ofIntegers && factor === width * 8) return packed;
  if (packed.length < headBytes) throw damaged("it ends too early");
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const bits = view.getUint32(0, true);
  const minimum = view.getBigUint64(minimumAt, true);
  if (bits > width * 8 || headBytes + Math.ceil((count * bits) / 8) > packed.length)
    throw damaged("it ends too early");
  const result = new Uint8Array(count * width);
  if (bits === width * 8) result.set(packed.subarray(headBytes, headBytes + result.length));
  else {
    const fill = hasFill === 1 ? fillOf(parameters.slice(8)) : undefined;
    const write = isFloat
      ? floatWriter(new DataView(result.buffer), width, minimum, factor | 0)
      : integerWriter(new DataView(result.buffer), width, minimum);
    const reader = new BitReader(packed, headBytes);
    const marker = 2n ** BigInt(bits) - 1n;
    for (let at = 0; at < count; at++) {
      const value = reader.take(bits);
      write(at, value, fill !== undefined && value === marker ? fill : undefined);
    }
  }
  if (order === isBigEndian)
    for (let at = 0; at < result.length; at += width) result.subarray(at, at + width).reverse();
  return result;
}

/** Writes a distance, or the bits of the fill value that stands for it. */
type Write = (at: number, distance: bigint, fill: bigint | undefined) => void;

function integerWriter(view: DataView, width: number, minimum: bigint): Write {
  return (at, distance, fill) => setBits(view, at, width, fill ?? distance + minimum);
}

function floatWriter(view: DataView, width: number, minimum: bigint, decimals: number): Write {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setBigUint64(0, minimum, true);
  const scale = 10 ** decimals;
  if (width === 8) {
    const least = bits.getFloat64(0, true);
    return (at, distance, fill) => {
      if (fill !== undefined) setBits(view, at, width, fill);
      else view.setFloat64(at * 8, Number(BigInt.asIntN(64, distance)) / scale + least, true);
    };
  }
  const least = bits.getFloat32(0, true);
  const round = Math.fround;
  return (at, distance, fill) => {
    if (fill !== undefined) setBits(view, at, width, fill);
    else {
      const value = round(Number(BigInt.asIntN(32, distance)));
      view.setFloat32(at * 4, round(round(value / round(scale)) + least), true);
    }
  };
}

function setBits(view: DataView, at: number, width: number, value: bigint): void {
  if (width === 8) view.setBigUint64(at * 8, BigInt.asUintN(64, value), true);
  else if (width === 4) view.setUint32(at * 4, Number(BigInt.asUintN(32, value)), true);
  else if (width === 2) view.setUint16(at * 2, Number(BigInt.asUintN(16, value)), true);
  else view.setUint8(at, Number(BigInt.asUintN(8, value)));
}

/** The value stands in words of 32 bits, the low one first. */
function fillOf(words: readonly number[]): bigint {
  return BigInt(words[0] ?? 0) + (BigInt(words[1] ?? 0) << 32n);
}

/** Numbers of some bits each, the highest first. */
class BitReader {
  private bitAt: number;

  constructor(
    private readonly bytes: Uint8Array,
    start: number,
  ) {
    this.bitAt = start * 8;
  }

  take(count: number): bigint {
    let value = 0n;
    for (let left = count; left > 0; ) {
      const free = 8 - (this.bitAt & 7);
      const taken = Math.min(free, left);
      const byte = this.bytes[this.bitAt >> 3] ?? 0;
      value = (value << BigInt(taken)) | BigInt((byte >> (free - taken)) & (2 ** taken - 1));
      this.bitAt += taken;
      left -= taken;
    }
    return value;
  }
}

function damaged(what: string): CheckpointError {
  return new CheckpointError("DamagedChunk", `A chunk packed by scale and offset is damaged: ${what}.`);
}
