import { iq1sPoints, iq2sPoints, iq2xsPoints, iq2xxsPoints, iq3sPoints, iq3xxsPoints } from "./ggmlGrids";
import { half, halfOf } from "./ggmlHalf";

/**
 * The types IQ1 to IQ3 of ggml: 256 values in a block, in runs of 32 with a scale each. A code is a point of a lattice,
 * signs stand beside it (ggml-quants.c). Arithmetic is F32, rounded in the order that ggml computes it.
 */
const f32 = Math.fround;

/** Where a value has a sign of its own, 7 bits give eight: the number of negative ones is even. */
function eightSigns(sevenBits: number): number {
  let parity = sevenBits;
  parity ^= parity >>> 4;
  parity ^= parity >>> 2;
  parity ^= parity >>> 1;
  return sevenBits | ((parity & 1) << 7);
}

/** 1, or -1 where the bit is set: whoever goes one way or the other by a random bit goes wrong half of the time. */
const sign = (signs: number, bit: number) => 1 - 2 * ((signs >>> bit) & 1);

/** Writes the four values from the coordinate `from` on. What is stored is rounded to F32: nothing before it is. */
function writeFour(
  points: Int8Array,
  from: number,
  scale: number,
  signs: number,
  out: Float32Array,
  to: number,
): void {
  out[to] = scale * ((points[from] as number) * sign(signs, 0));
  out[to + 1] = scale * ((points[from + 1] as number) * sign(signs, 1));
  out[to + 2] = scale * ((points[from + 2] as number) * sign(signs, 2));
  out[to + 3] = scale * ((points[from + 3] as number) * sign(signs, 3));
}

function writeEight(
  points: Int8Array,
  code: number,
  scale: number,
  signs: number,
  out: Float32Array,
  to: number,
): void {
  writeFour(points, 8 * code, scale, signs, out, to);
  writeFour(points, 8 * code + 4, scale, signs >>> 4, out, to + 4);
}

const quarter = (d: number, code: number) => f32(f32(d * (0.5 + code)) * 0.25);

export function iq2xxs(block: DataView, at: number, out: Float32Array, to: number): void {
  const points = iq2xxsPoints();
  const d = half(block, at);
  for (let run = 0; run < 8; run++) {
    const codes = at + 2 + 8 * run;
    const bits = block.getUint32(codes + 4, true);
    const scale = quarter(d, bits >>> 28);
    for (let part = 0; part < 4; part++) {
      const signs = eightSigns((bits >>> (7 * part)) & 127);
      writeEight(points, block.getUint8(codes + part), scale, signs, out, to + 32 * run + 8 * part);
    }
  }
}

export function iq2xs(block: DataView, at: number, out: Float32Array, to: number): void {
  const points = iq2xsPoints();
  const d = half(block, at);
  for (let run = 0; run < 8; run++) {
    const scales = block.getUint8(at + 66 + run);
    for (let part = 0; part < 4; part++) {
      const word = block.getUint16(at + 2 + 8 * run + 2 * part, true);
      const scale = quarter(d, part < 2 ? scales & 15 : scales >>> 4);
      writeEight(points, word & 511, scale, eightSigns(word >>> 9), out, to + 32 * run + 8 * part);
    }
  }
}

export function iq2s(block: DataView, at: number, out: Float32Array, to: number): void {
  const points = iq2sPoints();
  const d = half(block, at);
  for (let run = 0; run < 8; run++) {
    const scales = block.getUint8(at + 74 + run);
    const high = block.getUint8(at + 66 + run);
    for (let part = 0; part < 4; part++) {
      const code = block.getUint8(at + 2 + 4 * run + part) | ((high << (8 - 2 * part)) & 0x300);
      const signs = block.getUint8(at + 34 + 4 * run + part);
      const scale = quarter(d, part < 2 ? scales & 15 : scales >>> 4);
      writeEight(points, code, scale, signs, out, to + 32 * run + 8 * part);
    }
  }
}

export function iq3xxs(block: DataView, at: number, out: Float32Array, to: number): void {
  const points = iq3xxsPoints();
  const d = half(block, at);
  for (let run = 0; run < 8; run++) {
    const bits = block.getUint32(at + 66 + 4 * run, true);
    const scale = f32(f32(d * (0.5 + (bits >>> 28))) * 0.5);
    for (let part = 0; part < 8; part++) {
      const signs = eightSigns((bits >>> (7 * (part >>> 1))) & 127) >>> (4 * (part & 1));
      const code = block.getUint8(at + 2 + 8 * run + part);
      writeFour(points, 4 * code, scale, signs, out, to + 32 * run + 4 * part);
    }
  }
}

export function iq3s(block: DataView, at: number, out: Float32Array, to: number): void {
  const points = iq3sPoints();
  const d = half(block, at);
  for (let run = 0; run < 8; run++) {
    const scales = block.getUint8(at + 106 + (run >>> 1));
    const scale = f32(d * (1 + 2 * ((run & 1) === 0 ? scales & 15 : scales >>> 4)));
    const high = block.getUint8(at + 66 + run);
    for (let part = 0; part < 8; part++) {
      const code = block.getUint8(at + 2 + 8 * run + part) | ((high << (8 - part)) & 256);
      const signs = block.getUint8(at + 74 + 4 * run + (part >>> 1)) >>> (4 * (part & 1));
      writeFour(points, 4 * code, scale, signs, out, to + 32 * run + 4 * part);
    }
  }
}

/** What the points of IQ1 are shifted by, up or down. */
const shift = 0.125;

function writeShifted(
  points: Int8Array,
  code: number,
  scale: number,
  isDown: boolean,
  out: Float32Array,
  to: number,
): void {
  const by = isDown ? -shift : shift;
  const from = 8 * code;
  out[to] = scale * ((points[from] as number) + by);
  out[to + 1] = scale * ((points[from + 1] as number) + by);
  out[to + 2] = scale * ((points[from + 2] as number) + by);
  out[to + 3] = scale * ((points[from + 3] as number) + by);
  out[to + 4] = scale * ((points[from + 4] as number) + by);
  out[to + 5] = scale * ((points[from + 5] as number) + by);
  out[to + 6] = scale * ((points[from + 6] as number) + by);
  out[to + 7] = scale * ((points[from + 7] as number) + by);
}

export function iq1s(block: DataView, at: number, out: Float32Array, to: number): void {
  const points = iq1sPoints();
  const d = half(block, at);
  for (let run = 0; run < 8; run++) {
    const high = block.getUint16(at + 34 + 2 * run, true);
    const scale = f32(d * (2 * ((high >>> 12) & 7) + 1));
    for (let part = 0; part < 4; part++) {
      const code = block.getUint8(at + 2 + 4 * run + part) | (((high >>> (3 * part)) & 7) << 8);
      writeShifted(points, code, scale, (high & 0x8000) !== 0, out, to + 32 * run + 8 * part);
    }
  }
}

/** IQ1_M keeps the bits of its F16 scale in the high four bits of the four words of scales. */
export function iq1m(block: DataView, at: number, out: Float32Array, to: number): void {
  const points = iq1sPoints();
  const words = [0, 1, 2, 3].map((index) => block.getUint16(at + 48 + 2 * index, true));
  const bits = words.reduce((sum, word, index) => sum | ((word >>> 12) << (4 * index)), 0);
  const d = halfOf(bits);
  for (let run = 0; run < 8; run++) {
    const word = words[run >>> 1] as number;
    for (let part = 0; part < 4; part++) {
      const high = block.getUint8(at + 32 + 2 * run + (part >>> 1)) >>> (4 * (part & 1));
      const code = block.getUint8(at + 4 * run + part) | ((high & 7) << 8);
      const scale = f32(d * (2 * ((word >>> (6 * (run & 1) + 3 * (part >>> 1))) & 7) + 1));
      writeShifted(points, code, scale, (high & 8) !== 0, out, to + 32 * run + 8 * part);
    }
  }
}
