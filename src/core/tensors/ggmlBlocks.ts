import { half } from "./ggmlHalf";
import { iq1m, iq1s, iq2s, iq2xs, iq2xxs, iq3s, iq3xxs } from "./ggmlLattices";

/**
 * The block types of ggml, which GGUF files hold: a block is a few scales and many small codes. What each value means
 * is stated in ggml-quants.c (llama.cpp); all arithmetic is F32 there, and so it is rounded here.
 */
export interface BlockType {
  /** Values in a block; a row is a whole number of blocks. */
  readonly values: number;
  readonly bytes: number;
  /** Writes the values of the block at `at` to `out` from `to` on. */
  readonly decode: (block: DataView, at: number, out: Float32Array, to: number) => void;
}

const f32 = Math.fround;

/** 32 values of 4 bits, and a fifth of each in `highBits`: the low halves of 16 bytes come first. */
function nibbles(
  block: DataView,
  at: number,
  highBits: number,
  value: (code: number) => number,
  out: Float32Array,
  to: number,
): void {
  for (let index = 0; index < 16; index++) {
    const byte = block.getUint8(at + index);
    out[to + index] = value((byte & 15) | (((highBits >>> index) & 1) << 4));
    out[to + index + 16] = value((byte >>> 4) | (((highBits >>> (index + 16)) & 1) << 4));
  }
}

/** Scale and, 6 bits higher, minimum `index` of eight in the twelve bytes of Q4_K and Q5_K. */
function sixBitPair(block: DataView, at: number, index: number): number {
  if (index < 4) return (block.getUint8(at + index) & 63) | ((block.getUint8(at + index + 4) & 63) << 6);
  const low = block.getUint8(at + index + 4);
  const scale = (low & 15) | ((block.getUint8(at + index - 4) >>> 6) << 4);
  const minimum = (low >>> 4) | ((block.getUint8(at + index) >>> 6) << 4);
  return scale | (minimum << 6);
}

/** Eight runs of 32 values, each with a scale and a minimum, two in the halves of 32 bytes. */
function q4k(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at);
  const dmin = half(block, at + 2);
  for (let pair = 0; pair < 4; pair++) {
    const first = sixBitPair(block, at + 4, 2 * pair);
    const second = sixBitPair(block, at + 4, 2 * pair + 1);
    const [step, base] = [f32(d * (first & 63)), f32(dmin * (first >>> 6))];
    const [highStep, highBase] = [f32(d * (second & 63)), f32(dmin * (second >>> 6))];
    const codes = at + 16 + 32 * pair;
    const start = to + 64 * pair;
    for (let index = 0; index < 32; index++) {
      const byte = block.getUint8(codes + index);
      out[start + index] = f32(f32(step * (byte & 15)) - base);
      out[start + index + 32] = f32(f32(highStep * (byte >>> 4)) - highBase);
    }
  }
}

/** The same with a fifth bit of each value beside. */
function q5k(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at);
  const dmin = half(block, at + 2);
  for (let run = 0; run < 8; run++) {
    const pair = sixBitPair(block, at + 4, run);
    const [step, base] = [f32(d * (pair & 63)), f32(dmin * (pair >>> 6))];
    const shift = 4 * (run & 1);
    const codes = at + 48 + 32 * (run >>> 1);
    for (let index = 0; index < 32; index++) {
      const low = (block.getUint8(codes + index) >>> shift) & 15;
      const fifth = ((block.getUint8(at + 16 + index) >>> run) & 1) << 4;
      out[to + 32 * run + index] = f32(f32(step * (low | fifth)) - base);
    }
  }
}

function q2k(block: DataView, at: number, out: Float32Array, to: number): void {
  const [d, dmin] = [half(block, at + 80), half(block, at + 82)];
  for (let index = 0; index < 256; index++) {
    const scales = block.getUint8(at + Math.floor(index / 16));
    const byte = block.getUint8(at + 16 + 32 * Math.floor(index / 128) + (index % 32));
    const code = (byte >>> (2 * (Math.floor(index / 32) % 4))) & 3;
    out[to + index] = f32(f32(f32(d * (scales & 15)) * code) - f32(dmin * (scales >>> 4)));
  }
}

function q3k(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at + 108);
  for (let index = 0; index < 256; index++) {
    const group = Math.floor(index / 16);
    const low = (block.getUint8(at + 96 + (group % 8)) >>> (group < 8 ? 0 : 4)) & 15;
    const high = (block.getUint8(at + 104 + (group % 4)) >>> (2 * Math.floor(group / 4))) & 3;
    const scale = f32(d * ((low | (high << 4)) - 32));
    const [part, quarter] = [Math.floor(index / 128), Math.floor(index / 32) % 4];
    const code = (block.getUint8(at + 32 + 32 * part + (index % 32)) >>> (2 * quarter)) & 3;
    const isHigh = (block.getUint8(at + (index % 32)) >>> (4 * part + quarter)) & 1;
    out[to + index] = f32(scale * (code - (isHigh === 1 ? 0 : 4)));
  }
}

function q6k(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at + 208);
  // Four quarters of 32 values in each half, of 16 of which each has a scale.
  for (let group = 0; group < 4; group++) {
    const part = group >>> 1;
    const scales = at + 192 + 8 * part + (group & 1);
    const first = f32(d * block.getInt8(scales));
    const second = f32(d * block.getInt8(scales + 2));
    const third = f32(d * block.getInt8(scales + 4));
    const fourth = f32(d * block.getInt8(scales + 6));
    for (let lane = 16 * (group & 1), end = lane + 16; lane < end; lane++) {
      const low = block.getUint8(at + 64 * part + lane);
      const other = block.getUint8(at + 64 * part + lane + 32);
      const high = block.getUint8(at + 128 + 32 * part + lane);
      const start = to + 128 * part + lane;
      out[start] = f32(first * (((low & 15) | ((high & 3) << 4)) - 32));
      out[start + 32] = f32(second * (((other & 15) | (((high >>> 2) & 3) << 4)) - 32));
      out[start + 64] = f32(third * (((low >>> 4) | (((high >>> 4) & 3) << 4)) - 32));
      out[start + 96] = f32(fourth * (((other >>> 4) | ((high >>> 6) << 4)) - 32));
    }
  }
}

function q8k(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = block.getFloat32(at, true);
  for (let index = 0; index < 256; index++) out[to + index] = f32(d * block.getInt8(at + 4 + index));
}

/** Five digits of base 3 in a byte, as a fraction: multiplying by 3 brings the next to the top. */
function ternary(byte: number, digit: number): number {
  return ((((byte * 3 ** digit) & 255) * 3) >>> 8) - 1;
}

function tq1(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at + 52);
  let next = to;
  for (const [start, width, digits] of [
    [0, 32, 5],
    [32, 16, 5],
    [48, 4, 4],
  ] as const) {
    for (let digit = 0; digit < digits; digit++) {
      for (let index = 0; index < width; index++) {
        out[next++] = f32(ternary(block.getUint8(at + start + index), digit) * d);
      }
    }
  }
}

function tq2(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at + 64);
  for (let index = 0; index < 256; index++) {
    const byte = block.getUint8(at + 32 * Math.floor(index / 128) + (index % 32));
    out[to + index] = f32((((byte >>> (2 * (Math.floor(index / 32) % 4))) & 3) - 1) * d);
  }
}

/** The 16 levels of IQ4_NL and IQ4_XS. */
export const iq4Levels = Float32Array.of(
  -127,
  -104,
  -83,
  -65,
  -49,
  -35,
  -22,
  -10,
  1,
  13,
  25,
  38,
  53,
  69,
  89,
  113,
);

function iq4xs(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at);
  const high = block.getUint16(at + 2, true);
  for (let run = 0; run < 8; run++) {
    const low = (block.getUint8(at + 4 + (run >>> 1)) >>> (4 * (run % 2))) & 15;
    const scale = f32(d * ((low | (((high >>> (2 * run)) & 3) << 4)) - 32));
    nibbles(
      block,
      at + 8 + 16 * run,
      0,
      (code) => f32(scale * (iq4Levels[code] as number)),
      out,
      to + 32 * run,
    );
  }
}

/** Twice the values of FP4 E2M1 (OCP microscaling), as ggml keeps them: in integers, which have no -0. */
const fp4Doubled = Float32Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

const powersOfTwo = Float64Array.from({ length: 256 }, (_, code) => 2 ** (code - 128));

function mxfp4(block: DataView, at: number, out: Float32Array, to: number): void {
  const scale = powersOfTwo[block.getUint8(at)] as number;
  for (let index = 0; index < 16; index++) {
    const byte = block.getUint8(at + 1 + index);
    out[to + index] = (fp4Doubled[byte & 15] as number) * scale;
    out[to + index + 16] = (fp4Doubled[byte >>> 4] as number) * scale;
  }
}

/** Unsigned E4M3; 0x7F and 0 are 0. */
function ue4m3(code: number): number {
  if (code === 0 || code === 0x7f) return 0;
  const [exponent, fraction] = [(code >>> 3) & 15, code & 7];
  return exponent === 0 ? fraction * 2 ** -9 : (1 + fraction / 8) * 2 ** (exponent - 7);
}

function nvfp4(block: DataView, at: number, out: Float32Array, to: number): void {
  for (let part = 0; part < 4; part++) {
    const scale = f32(ue4m3(block.getUint8(at + part)) * 0.5);
    for (let index = 0; index < 8; index++) {
      const byte = block.getUint8(at + 4 + 8 * part + index);
      out[to + 16 * part + index] = f32((fp4Doubled[byte & 15] as number) * scale);
      out[to + 16 * part + index + 8] = f32((fp4Doubled[byte >>> 4] as number) * scale);
    }
  }
}

function signs(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at);
  for (let index = 0; index < 128; index++) {
    out[to + index] = (block.getUint8(at + 2 + (index >>> 3)) >>> (index & 7)) & 1 ? d : -d;
  }
}

function q2_0(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at);
  for (let index = 0; index < 64; index++) {
    out[to + index] = f32((((block.getUint8(at + 2 + (index >>> 2)) >>> (2 * (index & 3))) & 3) - 1) * d);
  }
}

/** By ggml's name. */
export const ggmlBlocks: ReadonlyMap<string, BlockType> = new Map<string, BlockType>([
  ["Q4_0", { values: 32, bytes: 18, decode: withScale(2, (q, d) => f32((q - 8) * d)) }],
  ["Q4_1", { values: 32, bytes: 20, decode: withMinimum(4) }],
  ["Q5_0", { values: 32, bytes: 22, decode: withScale(6, (q, d) => f32((q - 16) * d), 2) }],
  ["Q5_1", { values: 32, bytes: 24, decode: withMinimum(8, 4) }],
  ["Q8_0", { values: 32, bytes: 34, decode: q8_0 }],
  ["Q2_K", { values: 256, bytes: 84, decode: q2k }],
  ["Q3_K", { values: 256, bytes: 110, decode: q3k }],
  ["Q4_K", { values: 256, bytes: 144, decode: q4k }],
  ["Q5_K", { values: 256, bytes: 176, decode: q5k }],
  ["Q6_K", { values: 256, bytes: 210, decode: q6k }],
  ["Q8_K", { values: 256, bytes: 292, decode: q8k }],
  ["IQ2_XXS", { values: 256, bytes: 66, decode: iq2xxs }],
  ["IQ2_XS", { values: 256, bytes: 74, decode: iq2xs }],
  ["IQ3_XXS", { values: 256, bytes: 98, decode: iq3xxs }],
  ["IQ1_S", { values: 256, bytes: 50, decode: iq1s }],
  ["IQ4_NL", { values: 32, bytes: 18, decode: withScale(2, (q, d) => f32(d * (iq4Levels[q] as number))) }],
  ["IQ3_S", { values: 256, bytes: 110, decode: iq3s }],
  ["IQ2_S", { values: 256, bytes: 82, decode: iq2s }],
  ["IQ4_XS", { values: 256, bytes: 136, decode: iq4xs }],
  ["IQ1_M", { values: 256, bytes: 56, decode: iq1m }],
  ["TQ1_0", { values: 256, bytes: 54, decode: tq1 }],
  ["TQ2_0", { values: 256, bytes: 66, decode: tq2 }],
  ["MXFP4", { values: 32, bytes: 17, decode: mxfp4 }],
  ["NVFP4", { values: 64, bytes: 36, decode: nvfp4 }],
  ["Q1_0", { values: 128, bytes: 18, decode: signs }],
  ["Q2_0", { values: 64, bytes: 18, decode: q2_0 }],
]);

/** 32 codes behind a scale, with the fifth bits at `highAt` where there are some. */
function withScale(codesAt: number, value: (code: number, scale: number) => number, highAt?: number) {
  return (block: DataView, at: number, out: Float32Array, to: number) => {
    const d = half(block, at);
    const high = highAt === undefined ? 0 : block.getUint32(at + highAt, true);
    nibbles(block, at + codesAt, high, (code) => value(code, d), out, to);
  };
}

/** The same with a minimum behind the scale. */
function withMinimum(codesAt: number, highAt?: number) {
  return (block: DataView, at: number, out: Float32Array, to: number) => {
    const [d, m] = [half(block, at), half(block, at + 2)];
    const high = highAt === undefined ? 0 : block.getUint32(at + highAt, true);
    nibbles(block, at + codesAt, high, (code) => f32(f32(code * d) + m), out, to);
  };
}

function q8_0(block: DataView, at: number, out: Float32Array, to: number): void {
  const d = half(block, at);
  for (let index = 0; index < 32; index++) out[to + index] = f32(d * block.getInt8(at + 2 + index));
}

/**
 * The values of whole blocks, into the first of `values` where there are some, which `bytes` must not share memory with.
 * @throws RangeError where the type has no decoder or `bytes` holds fewer.
 */
export function decodeBlocks(
  bytes: Uint8Array,
  dtype: string,
  count: number,
  values: Float32Array = new Float32Array(count),
): Float32Array {
  const type = ggmlBlocks.get(dtype);
  if (type === undefined || count % type.values !== 0)
    throw new RangeError(`${count} values of ${dtype} are no whole blocks that can be decoded.`);
  const blocks = count / type.values;
  if (blocks * type.bytes > bytes.length)
    throw new RangeError(`${count} values of ${dtype} need more bytes.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let block = 0; block < blocks; block++)
    type.decode(view, block * type.bytes, values, block * type.values);
  return values;
}
