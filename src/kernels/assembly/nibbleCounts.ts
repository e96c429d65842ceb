/**
 * How often each of 16 codes is in runs of 32 or 64 of them. What two codes add to the 16 counts is looked up for both
 * together.
 */
import { codesOut, constants, kept } from "./memory";

/** Runs that are prepared at once: what is kept of them stays in the nearest cache. */
export const batchRuns: usize = 64;
/** Where in the table `added` each two codes of a run are found, 16 bits each, in any order within the run. */
export const places: usize = codesOut + 0x10000;
/** Of F32, one a run. */
export const runSteps: usize = places + 64 * batchRuns;
export const runBases: usize = runSteps + 4 * batchRuns + 16;
/** How often each code is in a run: 16 bytes. */
export const counts: usize = runBases + 4 * batchRuns + 16;
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

/** Finds the places of codes that lie in twos in `bytes` bytes, a multiple of 16. */
export function placeBytes(from: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) placeSixteen(v128.load(from + at), places + 2 * at);
}

/** @param both two codes a byte. */
export function placeSixteen(both: v128, to: usize): void {
  v128.store(to, i16x8.shl(i16x8.extend_low_i8x16_u(both), 4));
  v128.store(to, i16x8.shl(i16x8.extend_high_i8x16_u(both), 4), 16);
}

/** Of two runs, the codes of one are in the lower halves of 32 bytes, those of the other in their upper halves. */
export function placeHalves(a: v128, b: v128, to: usize): void {
  const low = v128.load(constants);
  const high = v128.load(constants, 96);
  placeInTurns(v128.and(i16x8.shl(a, 4), high), v128.and(b, low), to);
  placeInTurns(v128.and(a, high), v128.and(i16x8.shr_u(b, 4), low), to + 32);
}

/** @param upper 16 times a code each. */
function placeInTurns(upper: v128, code: v128, to: usize): void {
  v128.store(to, i8x16.shuffle(upper, code, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  v128.store(
    to,
    i8x16.shuffle(upper, code, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
    16,
  );
}

/** Counts the codes of runs whose places are found. @param halves 1 for runs of 32, 2 for those of 64. */
export function countRuns(runs: usize, halves: usize): void {
  for (let run: usize = 0; run < runs; run++) {
    let found = i64x2.splat(0);
    for (let half: usize = 0; half < halves; half++)
      found = i8x16.add(found, countPlaces<f32>(places + 32 * (run * halves + half)));
    v128.store(counts + 16 * run, found);
  }
}

/**
 * How often each code is among sixteen places, 16 bytes. The compiler puts what is the same together and calls it: added up
 * in another order, each loop has its own.
 */
export function countPlaces<T>(at: usize): v128 {
  const a = i8x16.add(
    i8x16.add(ofPlace(<usize>load<u16>(at)), ofPlace(<usize>load<u16>(at, 2))),
    i8x16.add(ofPlace(<usize>load<u16>(at, 4)), ofPlace(<usize>load<u16>(at, 6))),
  );
  const b = i8x16.add(
    i8x16.add(ofPlace(<usize>load<u16>(at, 8)), ofPlace(<usize>load<u16>(at, 10))),
    i8x16.add(ofPlace(<usize>load<u16>(at, 12)), ofPlace(<usize>load<u16>(at, 14))),
  );
  const c = i8x16.add(
    i8x16.add(ofPlace(<usize>load<u16>(at, 16)), ofPlace(<usize>load<u16>(at, 18))),
    i8x16.add(ofPlace(<usize>load<u16>(at, 20)), ofPlace(<usize>load<u16>(at, 22))),
  );
  const d = i8x16.add(
    i8x16.add(ofPlace(<usize>load<u16>(at, 24)), ofPlace(<usize>load<u16>(at, 26))),
    i8x16.add(ofPlace(<usize>load<u16>(at, 28)), ofPlace(<usize>load<u16>(at, 30))),
  );
  return isFloat<T>()
    ? i8x16.add(i8x16.add(a, c), i8x16.add(b, d))
    : i8x16.add(i8x16.add(a, b), i8x16.add(c, d));
}

function ofPlace(place: usize): v128 {
  return v128.load(place, added);
}
