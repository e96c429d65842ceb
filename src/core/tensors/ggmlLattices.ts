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

/** Writes the `coordinates` values of a point; those whose bit is set in `signs` are negative. */
function writePoint(
  points: Int8Array,
  code: number,
  coordinates: number,
  scale: number,
  signs: number,
  out: Float32Array,
  to: number,
): void {
  for (let index = 0; index < coordinates; index++) {
    const value = f32(scale * (points[code * coordinates + index] as number));
    out[to + index] = (signs >>> index) & 1 ? -value : value;
  }
}

const quarter = (d: number, code: number) => f32(f32(d * (0.5 + code)) * 0.25);

export function iq2xxs(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at);
  for (let run = 0; run < 8; run++) {
    const codes = at + 2 + 8 * run;
    const bits = block.getUint32(codes + 4, true);
    const scale = quarter(d, bits >>> 28);
    for (let part = 0; part < 4; part++) {
      const signs = eightSigns((bits >>> (7 * part)) & 127);
      writePoint(
        iq2xxsPoints(),
        block.getUint8(codes + part),
        8,
        scale,
        signs,
        out,
        to + 32 * run + 8 * part,
      );
    }
  }
}

export function iq2xs(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at);
  for (let run = 0; run < 8; run++) {
    const scales = block.getUint8(at + 66 + run);
    for (let part = 0; part < 4; part++) {
      const word = block.getUint16(at + 2 + 8 * run + 2 * part, true);
      const scale = quarter(d, part < 2 ? scales & 15 : scales >>> 4);
      writePoint(iq2xsPoints(), word & 511, 8, scale, eightSigns(word >>> 9), out, to + 32 * run + 8 * part);
    }
  }
}

export function iq2s(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at);
  for (let run = 0; run < 8; run++) {
    const scales = block.getUint8(at + 74 + run);
    const high = block.getUint8(at + 66 + run);
    for (let part = 0; part < 4; part++) {
      const code = block.getUint8(at + 2 + 4 * run + part) | ((high << (8 - 2 * part)) & 0x300);
      const signs = block.getUint8(at + 34 + 4 * run + part);
      const scale = quarter(d, part < 2 ? scales & 15 : scales >>> 4);
      writePoint(iq2sPoints(), code, 8, scale, signs, out, to + 32 * run + 8 * part);
    }
  }
}

export function iq3xxs(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at);
  for (let run = 0; run < 8; run++) {
    const bits = block.getUint32(at + 66 + 4 * run, true);
    const scale = f32(f32(d * (0.5 + (bits >>> 28))) * 0.5);
    for (let part = 0; part < 8; part++) {
      const signs = eightSigns((bits >>> (7 * (part >>> 1))) & 127) >>> (4 * (part & 1));
      const code = block.getUint8(at + 2 + 8 * run + part);
      writePoint(iq3xxsPoints(), code, 4, scale, signs, out, to + 32 * run + 4 * part);
    }
  }
}

export function iq3s(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at);
  for (let run = 0; run < 8; run++) {
    const scales = block.getUint8(at + 106 + (run >>> 1));
    const scale = f32(d * (1 + 2 * ((run & 1) === 0 ? scales & 15 : scales >>> 4)));
    const high = block.getUint8(at + 66 + run);
    for (let part = 0; part < 8; part++) {
      const code = block.getUint8(at + 2 + 8 * run + part) | ((high << (8 - part)) & 256);
      const signs = block.getUint8(at + 74 + 4 * run + (part >>> 1)) >>> (4 * (part & 1));
      writePoint(iq3sPoints(), code, 4, scale, signs, out, to + 32 * run + 4 * part);
    }
  }
}

/** What the points of IQ1 are shifted by, up or down. */
const shift = 0.125;

function writeShifted(code: number, scale: number, isDown: boolean, out: Float32Array, to: number): void {
  const points = iq1sPoints();
  for (let index = 0; index < 8; index++) {
    out[to + index] = f32(scale * ((points[8 * code + index] as number) + (isDown ? -shift : shift)));
  }
}

export function iq1s(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at);
  for (let run = 0; run < 8; run++) {
    const high = block.getUint16(at + 34 + 2 * run, true);
    const scale = f32(d * (2 * ((high >>> 12) & 7) + 1));
    for (let part = 0; part < 4; part++) {
      const code = block.getUint8(at + 2 + 4 * run + part) | (((high >>> (3 * part)) & 7) << 8);
      writeShifted(code, scale, (high & 0x8000) !== 0, out, to + 32 * run + 8 * part);
    }
  }
}

/** IQ1_M keeps the bits of its F16 scale in the high four bits of the four words of scales. */
export function iq1m(block: DataView, at: number, out: Float32Array, to: number): void {
  const words = [0, 1, 2, 3].map((index) => block.getUint16(at + 48 + 2 * index, true));
  const bits = words.reduce((sum, word, index) => sum | ((word >>> 12) << (4 * index)), 0);
  const d = halfOf(bits);
  for (let run = 0; run < 8; run++) {
    const word = words[run >>> 1] as number;
    for (let part = 0; part < 4; part++) {
      const high = block.getUint8(at + 32 + 2 * run + (part >>> 1)) >>> (4 * (part & 1));
      const code = block.getUint8(at + 4 * run + part) | ((high & 7) << 8);
      const scale = f32(d * (2 * ((word >>> (6 * (run & 1) + 3 * (part >>> 1))) & 7) + 1));
      writeShifted(code, scale, (high & 8) !== 0, out, to + 32 * run + 8 * part);
    }
  }
}
