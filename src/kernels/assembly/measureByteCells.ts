/**
 * Measures cells of codes of a byte that share a scale and an offset, by how often each code is in a cell, as
 * measureCells.ts does it of 4 bits: the values are made as expandCodes.ts makes them, and every number of them is exact.
 */
import { addValues, countValues, finishCells, startCells } from "./cellSums";
import { codeLevels, combineLanes, offsets } from "./expandCodes";
import { chunkA, chunkB, codesOut, results, sumOfWords } from "./memory";

/** Four tables of counts of 32 bits: neighbours that are the same code do not wait for each other. */
const tables: usize = codesOut + 0x30000;
const tableBytes: usize = 0x400;
/** The values of four codes, and how often each is there. */
const values: usize = tables + 4 * tableBytes;
const many: usize = values + 16;

let nans: v128 = i64x2.splat(0);
let finites: v128 = i64x2.splat(0);

/**
 * @param rows of a band, whose cells share their numbers with those above and below them, as scales of 128 × 128 do: the
 * numbers are those of the band's first row.
 * @param cellCodes a multiple of 16.
 */
export function measureByteCells(bands: i32, rows: i32, perRow: i32, cellCodes: i32, combining: i32): void {
  memory.fill(tables, 0, 4 * tableBytes);
  startCells();
  nans = i64x2.splat(0);
  finites = i64x2.splat(0);
  const rowBytes: usize = <usize>perRow * cellCodes;
  for (let band: usize = 0; band < <usize>bands; band++) {
    const firstRow: usize = band * rows;
    for (let cell: usize = 0; cell < <usize>perRow; cell++) {
      let from = chunkA + firstRow * rowBytes + cell * cellCodes;
      for (let row = rows; row > 0; row--) {
        countRun(from, from + cellCodes);
        from += rowBytes;
      }
      const place: usize = (firstRow * perRow + cell) << 2;
      addCounts(v128.load32_splat(chunkB + place), v128.load32_splat(offsets + place), combining);
    }
  }
  finishCells();
  store<f64>(results, <f64>sumOfWords(nans), 40);
  store<f64>(results, <f64>sumOfWords(finites), 48);
}

function countRun(start: usize, end: usize): void {
  for (let at = start; at < end; at += 16) {
    // Sparse files and pruned weights: all of them would wait for the one counter.
    if (!v128.any_true(v128.load(at))) {
      store<u32>(tables, load<u32>(tables) + 16);
      continue;
    }
    countFour(at);
    countFour(at + 4);
    countFour(at + 8);
    countFour(at + 12);
  }
}

function countFour(at: usize): void {
  countCode((<usize>load<u8>(at)) << 2);
  countCode(((<usize>load<u8>(at, 1)) << 2) + tableBytes);
  countCode(((<usize>load<u8>(at, 2)) << 2) + 2 * tableBytes);
  countCode(((<usize>load<u8>(at, 3)) << 2) + 3 * tableBytes);
}

function countCode(place: usize): void {
  store<u32>(place, load<u32>(place, tables) + 1, tables);
}

/** Adds the values that the counted codes stand for, and empties the tables. */
function addCounts(scale: v128, offset: v128, combining: i32): void {
  const none = i64x2.splat(0);
  for (let at: usize = tables; at < tables + tableBytes; at += 16) {
    const a = i32x4.add(v128.load(at), v128.load(at, tableBytes));
    const b = i32x4.add(v128.load(at, 2 * tableBytes), v128.load(at, 3 * tableBytes));
    const count = i32x4.add(a, b);
    if (!v128.any_true(count)) continue;
    v128.store(at, none);
    v128.store(at, none, tableBytes);
    v128.store(at, none, 2 * tableBytes);
    v128.store(at, none, 3 * tableBytes);
    const level = v128.load(codeLevels + (at - tables));
    addFour(combineLanes(level, scale, offset, combining), count);
  }
}

function addFour(stated: v128, count: v128): void {
  const none = i64x2.splat(0);
  const finite = f32x4.eq(f32x4.sub(stated, stated), none);
  nans = i32x4.add(nans, v128.and(count, f32x4.ne(stated, stated)));
  finites = i32x4.add(finites, v128.and(count, finite));
  addValues(v128.and(stated, finite), count, v128.and(i32x4.ne(count, none), finite));
  v128.store(values, stated);
  v128.store(many, count);
  countValues(values, many, 4);
}
