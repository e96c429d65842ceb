/**
 * How often each of 16 codes is in runs of 32 or 64 of them. Two codes lie in a byte, and what they add to the 16 counts is
 * looked up for both together.
 */
import { codesOut, kept } from "./memory";

/** Runs that are prepared at once: what is kept of them stays in the nearest cache. */
export const batchRuns: usize = 64;
/** Two codes in a byte, in any order within a run. */
export const nibbles: usize = codesOut + 0x10000;
/** Of F32, one a run. */
export const runSteps: usize = nibbles + 32 * batchRuns;
export const runBases: usize = runSteps + 4 * batchRuns;
/** How often each code is in a run: 16 bytes. */
export const counts: usize = runBases + 4 * batchRuns;
/** What each byte adds to the counts: 16 bytes, of which the two of its codes are 1, or one of them is 2. */
const added: usize = kept + 0x1000;

/** To be called before codes are counted for the first time. */
export function setAdded(): void {
  for (let both: usize = 0; both < 256; both++) {
    const at = added + 16 * both;
    v128.store(at, i64x2.splat(0));
    store<u8>(at + (both & 15), 1);
    store<u8>(at + (both >> 4), load<u8>(at + (both >> 4)) + 1);
  }
}

/** Counts the codes of runs of 64. */
export function countLongRuns(from: usize, runs: usize): void {
  for (let run: usize = 0; run < runs; run++) {
    const at = from + 32 * run;
    const first = i8x16.add(ofEight(load<u64>(at)), ofEight(load<u64>(at, 8)));
    const second = i8x16.add(ofEight(load<u64>(at, 16)), ofEight(load<u64>(at, 24)));
    v128.store(counts + 16 * run, i8x16.add(first, second));
  }
}

/** Counts the codes of runs of 32. */
export function countShortRuns(from: usize, runs: usize): void {
  for (let run: usize = 0; run < runs; run++) {
    const at = from + 16 * run;
    v128.store(counts + 16 * run, i8x16.add(ofEight(load<u64>(at)), ofEight(load<u64>(at, 8))));
  }
}

/** What eight bytes add. */
function ofEight(bytes: u64): v128 {
  const a = i8x16.add(ofByte(bytes << 4), ofByte(bytes >> 4));
  const b = i8x16.add(ofByte(bytes >> 12), ofByte(bytes >> 20));
  const c = i8x16.add(ofByte(bytes >> 28), ofByte(bytes >> 36));
  const d = i8x16.add(ofByte(bytes >> 44), ofByte(bytes >> 52));
  return i8x16.add(i8x16.add(a, b), i8x16.add(c, d));
}

/** @param place where the byte is moved up by four bits. */
function ofByte(place: u64): v128 {
  return v128.load(<usize>place & 0xff0, added);
}
