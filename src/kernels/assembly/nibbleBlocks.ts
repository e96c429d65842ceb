/**
 * Blocks of ggml whose codes have 4 bits, as runs of 32 of them with a step and a base each (core/tensors/ggmlBlocks.ts
 * says what a block holds).
 */
import { halfAt, pairScales } from "./blockCodes";
import { placeHalves, placeSixteen, places, runBases, runSteps } from "./nibbleCounts";

/** Eight runs a block, two in the halves of 32 bytes. */
export function q4k(from: usize, blocks: usize): void {
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 144 * block;
    pairScales(at, runSteps + 32 * block, runBases + 32 * block);
    for (let pair: usize = 0; pair < 128; pair += 32)
      placeHalves(v128.load(at + pair, 16), v128.load(at + pair, 32), places + 256 * block + 2 * pair);
  }
}

/** A run a block, whose minimum is stored. */
export function q4_1(from: usize, blocks: usize): void {
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 20 * block;
    store<f32>(runSteps + 4 * block, halfAt(at));
    store<f32>(runBases + 4 * block, -halfAt(at + 2));
    placeSixteen(v128.load(at, 4), places + 32 * block);
  }
}

/** A run a block: Q4_0 and IQ4_NL. */
export function scaledNibbles(from: usize, blocks: usize): void {
  for (let block: usize = 0; block < blocks; block++) {
    const at = from + 18 * block;
    store<f32>(runSteps + 4 * block, halfAt(at));
    placeSixteen(v128.load(at, 2), places + 32 * block);
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
      placeSixteen(v128.load(at + 16 * run, 8), places + 256 * block + 32 * run);
      low >>= 4;
      high >>= 2;
    }
  }
}
