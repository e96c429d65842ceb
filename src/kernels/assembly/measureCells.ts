/**
 * Measures cells of codes of 4 bits that share a scale and an offset, by how often each code is in a cell: the 16 values
 * are made as expandCodes.ts makes them, and every number of them is exact.
 */
import { addValues, countValues, finishCells, startCells } from "./cellSums";
import { codeLevels, combineLanes, offsets } from "./expandCodes";
import { chunkA, chunkB, codesOut } from "./memory";
import { batchRuns, countRuns, counts, placeBytes, setAdded } from "./nibbleCounts";

/** The values of a cell, and how often each is there, of 32 bits. */
const values: usize = codesOut + 0x20000;
const many: usize = values + 64;

let canCount: bool = false;

/** @param cellCodes 32, or a multiple of 64 of which a batch of runs holds one. */
export function measureCells(cells: i32, cellCodes: i32, combining: i32): void {
  if (!canCount) setAdded();
  canCount = true;
  startCells();
  const isShort = cellCodes === 32;
  const runsOfCell: usize = isShort ? 1 : <usize>cellCodes >> 6;
  const cellBytes: usize = <usize>cellCodes >> 1;
  const batch: usize = batchRuns / runsOfCell;
  for (let done: usize = 0; done < <usize>cells; done += batch) {
    const left = <usize>cells - done;
    const taken = left < batch ? left : batch;
    const from = chunkA + done * cellBytes;
    placeBytes(from, taken * cellBytes);
    countRuns(taken * runsOfCell, isShort ? 1 : 2);
    for (let cell: usize = 0; cell < taken; cell++) {
      addCounts(counts + 16 * cell * runsOfCell, runsOfCell);
      const place = 4 * (done + cell);
      const scale = v128.load32_splat(chunkB + place);
      const offset = v128.load32_splat(offsets + place);
      for (let at: usize = 0; at < 64; at += 16)
        addFour(combineLanes(v128.load(codeLevels + at), scale, offset, combining), at);
      countValues(values, many, 16);
    }
  }
  finishCells();
}

/** Puts the counts of all runs of a cell together. */
function addCounts(from: usize, runs: usize): void {
  let low = i16x8.extend_low_i8x16_u(v128.load(from));
  let high = i16x8.extend_high_i8x16_u(v128.load(from));
  for (let run: usize = 1; run < runs; run++) {
    const next = v128.load(from + 16 * run);
    low = i16x8.add(low, i16x8.extend_low_i8x16_u(next));
    high = i16x8.add(high, i16x8.extend_high_i8x16_u(next));
  }
  v128.store(many, i32x4.extend_low_i16x8_u(low));
  v128.store(many, i32x4.extend_high_i16x8_u(low), 16);
  v128.store(many, i32x4.extend_low_i16x8_u(high), 32);
  v128.store(many, i32x4.extend_high_i16x8_u(high), 48);
}

/** @param at of the four in the bytes of all. */
function addFour(value: v128, at: usize): void {
  const count = v128.load(many + at);
  v128.store(values + at, value);
  addValues(value, count, i32x4.ne(count, i64x2.splat(0)));
}
