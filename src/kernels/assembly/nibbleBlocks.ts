/**
 * Blocks of ggml whose codes have 4 bits, as runs of 32 of them with a step and a base each (core/tensors/ggmlBlocks.ts
 * says what a block holds).
 */
import { halfAt, pairScales } from "./blockCodes";
import { constants } from "./memory";
import { nibbles, runBases, runSteps } from "./nibbleCounts";

/** Eight runs a block, two in the halves of 32 bytes. */
export function q4k(from: usize, blocks: usize): void {
  const low = v128.load(constants);
  const high = v128.load(constants, 96);
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 144 * block;
    pairScales(at, runSteps + 32 * block, runBases + 32 * block);
    for (let pair: usize = 0; pair < 4; pair++) {
      const a = v128.load(at + 32 * pair, 16);
      const b = v128.load(at + 32 * pair, 32);
      const to = nibbles + 128 * block + 32 * pair;
      v128.store(to, v128.or(v128.and(a, low), i16x8.shl(v128.and(b, low), 4)));
      v128.store(to, v128.or(v128.and(i16x8.shr_u(a, 4), low), v128.and(b, high)), 16);
    }
  }
}

/** A run a block, whose minimum is stored. */
export function q4_1(from: usize, blocks: usize): void {
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 20 * block;
    store<f32>(runSteps + 4 * block, halfAt(at));
    store<f32>(runBases + 4 * block, -halfAt(at + 2));
    v128.store(nibbles + 16 * block, v128.load(at, 4));
  }
}

/** A run a block: Q4_0 and IQ4_NL. */
export function scaledNibbles(from: usize, blocks: usize): void {
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 18 * block;
    store<f32>(runSteps + 4 * block, halfAt(at));
    v128.store(nibbles + 16 * block, v128.load(at, 2));
  }
}

/** Eight runs a block, with a scale of 6 bits each. */
export function iq4xs(from: usize, blocks: usize): void {
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 136 * block;
    const d = halfAt(at);
    let low = load<u32>(at, 4);
    let high = <u32>load<u16>(at, 2);
    for (let run: usize = 0; run < 8; run++) {
      const scale = <i32>((low & 15) | ((high & 3) << 4)) - 32;
      store<f32>(runSteps + 32 * block + 4 * run, d * <f32>scale);
      v128.store(nibbles + 128 * block + 16 * run, v128.load(at + 16 * run, 8));
      low >>= 4;
      high >>= 2;
    }
  }
}
