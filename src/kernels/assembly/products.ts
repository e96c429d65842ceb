/** Inner products of rows of two panels, as core/linalg/panels.ts has them. */
import { chunkA, chunkB, sumOfDoubles } from "./memory";

/** Bytes of a panel's row: 256 doubles. */
const rowBytes: usize = 0x800;

/**
 * Adds to the sums, whose rows have `stride` doubles, the inner products of all rows of two panels over `length` values.
 * Counts of rows are multiples of four; with `upperOnly` tiles below the diagonal are left out.
 */
export function addTiles(
  sums: usize,
  stride: i32,
  x: usize,
  rowsOfX: i32,
  y: usize,
  rowsOfY: i32,
  length: i32,
  upperOnly: i32,
): void {
  for (let i: i32 = 0; i < rowsOfX; i += 4) {
    for (let j: i32 = upperOnly !== 0 ? i : 0; j < rowsOfY; j += 4) {
      const columns = y + <usize>j * rowBytes;
      const at = sums + ((<usize>i * <usize>stride + <usize>j) << 3);
      addHalfTile(at, (<usize>stride) << 3, x + <usize>i * rowBytes, columns, length);
      addHalfTile(
        at + ((<usize>stride) << 4),
        (<usize>stride) << 3,
        x + (<usize>i + 2) * rowBytes,
        columns,
        length,
      );
    }
  }
}

/** Two rows by four: eight sums and what is loaded fit into the sixteen registers of a core. */
function addHalfTile(at: usize, strideBytes: usize, x: usize, y: usize, length: i32): void {
  let s00 = f64x2.splat(0);
  let s01 = f64x2.splat(0);
  let s02 = f64x2.splat(0);
  let s03 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let s12 = f64x2.splat(0);
  let s13 = f64x2.splat(0);
  const end: usize = x + ((<usize>(length & ~1)) << 3);
  while (x < end) {
    const a0 = v128.load(x);
    const a1 = v128.load(x, 0x800);
    const b0 = v128.load(y);
    s00 = f64x2.add(s00, f64x2.mul(a0, b0));
    s10 = f64x2.add(s10, f64x2.mul(a1, b0));
    const b1 = v128.load(y, 0x800);
    s01 = f64x2.add(s01, f64x2.mul(a0, b1));
    s11 = f64x2.add(s11, f64x2.mul(a1, b1));
    const b2 = v128.load(y, 0x1000);
    s02 = f64x2.add(s02, f64x2.mul(a0, b2));
    s12 = f64x2.add(s12, f64x2.mul(a1, b2));
    const b3 = v128.load(y, 0x1800);
    s03 = f64x2.add(s03, f64x2.mul(a0, b3));
    s13 = f64x2.add(s13, f64x2.mul(a1, b3));
    x += 16;
    y += 16;
  }
  if ((length & 1) !== 0) {
    const a0 = v128.load64_zero(x);
    const a1 = v128.load64_zero(x, 0x800);
    const b0 = v128.load64_zero(y);
    const b1 = v128.load64_zero(y, 0x800);
    const b2 = v128.load64_zero(y, 0x1000);
    const b3 = v128.load64_zero(y, 0x1800);
    s00 = f64x2.add(s00, f64x2.mul(a0, b0));
    s10 = f64x2.add(s10, f64x2.mul(a1, b0));
    s01 = f64x2.add(s01, f64x2.mul(a0, b1));
    s11 = f64x2.add(s11, f64x2.mul(a1, b1));
    s02 = f64x2.add(s02, f64x2.mul(a0, b2));
    s12 = f64x2.add(s12, f64x2.mul(a1, b2));
    s03 = f64x2.add(s03, f64x2.mul(a0, b3));
    s13 = f64x2.add(s13, f64x2.mul(a1, b3));
  }
  addTo(at, s00, 0);
  addTo(at, s01, 8);
  addTo(at, s02, 16);
  addTo(at, s03, 24);
  addTo(at + strideBytes, s10, 0);
  addTo(at + strideBytes, s11, 8);
  addTo(at + strideBytes, s12, 16);
  addTo(at + strideBytes, s13, 24);
}

/** How vectors lie: the columns of their matrix, or its rows; doubles, or singles. */
const areColumns: i32 = 1;
const areDoubles: i32 = 2;

/**
 * Adds to the sums, as `addTiles` does, the inner products of all x with all y, `length` values each. With y = x those on
 * and above the diagonal alone.
 */
export function addInner(
  sums: usize,
  stride: i32,
  x: usize,
  countOfX: i32,
  kindOfX: i32,
  y: usize,
  countOfY: i32,
  kindOfY: i32,
  length: i32,
): void {
  const rowsOfX: i32 = (countOfX + 3) & ~3;
  const rowsOfY: i32 = (countOfY + 3) & ~3;
  for (let from: i32 = 0; from < length; from += 256) {
    const part: i32 = min(256, length - from);
    fillPanel(chunkA, x, countOfX, kindOfX, length, from, part);
    if (x === y) {
      addTiles(sums, stride, chunkA, rowsOfX, chunkA, rowsOfX, part, 1);
    } else {
      fillPanel(chunkB, y, countOfY, kindOfY, length, from, part);
      addTiles(sums, stride, chunkA, rowsOfX, chunkB, rowsOfY, part, 0);
    }
  }
}

/** Values [from, from + part) of each vector into its row of a panel. Rows of padding are filled with anything. */
function fillPanel(
  panel: usize,
  vectors: usize,
  count: i32,
  kind: i32,
  length: i32,
  from: i32,
  part: i32,
): void {
  const shift: usize = (kind & areDoubles) !== 0 ? 3 : 2;
  if ((kind & areColumns) !== 0) {
    const first = vectors + ((<usize>from * <usize>count) << shift);
    if (shift === 3) turnDoubles(first, count, panel, part);
    else turnSingles(first, count, panel, part);
    return;
  }
  for (let row: i32 = 0; row < count; row++) {
    const at = vectors + ((<usize>row * <usize>length + <usize>from) << shift);
    const target = panel + <usize>row * rowBytes;
    if (shift === 3) memory.copy(target, at, (<usize>part) << 3);
    else widen(at, target, part);
  }
}

/** Up to three values more than `length`. */
function widen(singles: usize, target: usize, length: i32): void {
  const end = singles + ((<usize>length) << 2);
  while (singles < end) {
    const four = v128.load(singles);
    v128.store(target, f64x2.promote_low_f32x4(four));
    v128.store(target, f64x2.promote_low_f32x4(upperHalf(four)), 16);
    singles += 16;
    target += 32;
  }
}

/** Puts `length` rows of `columns` singles into a panel, turned: column j becomes row j. Padding is filled with anything. */
function turnSingles(singles: usize, columns: i32, panel: usize, length: i32): void {
  const stride = (<usize>columns) << 2;
  for (let row: i32 = 0; row < length; row += 4) {
    let target = panel + ((<usize>row) << 3);
    const end = singles + stride;
    for (let at = singles; at < end; at += 16) {
      const r0 = v128.load(at);
      const r1 = v128.load(at + stride);
      const r2 = v128.load(at + 2 * stride);
      const r3 = v128.load(at + 3 * stride);
      const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
      const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      v128.store(target, f64x2.promote_low_f32x4(low01));
      v128.store(target, f64x2.promote_low_f32x4(low23), 16);
      v128.store(target + rowBytes, f64x2.promote_low_f32x4(upperHalf(low01)));
      v128.store(target + rowBytes, f64x2.promote_low_f32x4(upperHalf(low23)), 16);
      v128.store(target + 2 * rowBytes, f64x2.promote_low_f32x4(high01));
      v128.store(target + 2 * rowBytes, f64x2.promote_low_f32x4(high23), 16);
      v128.store(target + 3 * rowBytes, f64x2.promote_low_f32x4(upperHalf(high01)));
      v128.store(target + 3 * rowBytes, f64x2.promote_low_f32x4(upperHalf(high23)), 16);
      target += 4 * rowBytes;
    }
    singles += 4 * stride;
  }
}

/** `turnSingles` of doubles. */
function turnDoubles(doubles: usize, columns: i32, panel: usize, length: i32): void {
  const stride = (<usize>columns) << 3;
  for (let row: i32 = 0; row < length; row += 2) {
    let target = panel + ((<usize>row) << 3);
    const end = doubles + stride;
    for (let at = doubles; at < end; at += 16) {
      const r0 = v128.load(at);
      const r1 = v128.load(at + stride);
      v128.store(target, v128.shuffle<f64>(r0, r1, 0, 2));
      v128.store(target + rowBytes, v128.shuffle<f64>(r0, r1, 1, 3));
      target += 2 * rowBytes;
    }
    doubles += 2 * stride;
  }
}

function upperHalf(four: v128): v128 {
  return v128.shuffle<i64>(four, four, 1, 1);
}

function addTo(at: usize, sum: v128, offset: usize): void {
  store<f64>(at + offset, load<f64>(at + offset) + sumOfDoubles(sum));
}

/** Columns of the components that stay in the first-level cache while all rows take theirs. */
const columnsAtOnce: i32 = 128;

/**
 * Adds to each of `rows` rows of `columns` doubles its combination of components: four products at a time, in the order
 * of core/linalg/panels.ts, so that every bit is the same.
 * @param components `count` of them, a multiple of four, `stride` bytes apart.
 * @param factors `count` for each row.
 */
export function addCombined(
  own: usize,
  rows: i32,
  columns: i32,
  components: usize,
  stride: usize,
  count: i32,
  factors: usize,
): void {
  for (let from: i32 = 0; from < columns; from += columnsAtOnce) {
    const to: i32 = min(from + columnsAtOnce, columns);
    for (let row: i32 = 0; row < rows; row++) {
      const line = own + ((<usize>row * <usize>columns) << 3);
      const first = factors + ((<usize>row * <usize>count) << 3);
      let column: i32 = from;
      for (; column + 4 <= to; column += 4) addFour(line, column, components, stride, count, first);
      for (; column < to; column++) addOne(line, column, components, stride, count, first);
    }
  }
}

function addFour(
  line: usize,
  column: i32,
  components: usize,
  stride: usize,
  count: i32,
  factor: usize,
): void {
  const at = line + ((<usize>column) << 3);
  let x = components + ((<usize>column) << 3);
  const end = factor + ((<usize>count) << 3);
  const zero = f64x2.splat(0);
  let low = v128.load(at);
  let high = v128.load(at, 16);
  while (factor < end) {
    if (!v128.any_true(v128.or(f64x2.ne(v128.load(factor), zero), f64x2.ne(v128.load(factor, 16), zero)))) {
      x += 4 * stride;
      factor += 32;
      continue;
    }
    const f0 = v128.load64_splat(factor);
    const f1 = v128.load64_splat(factor, 8);
    const f2 = v128.load64_splat(factor, 16);
    const f3 = v128.load64_splat(factor, 24);
    const x1 = x + stride;
    const x2 = x1 + stride;
    const x3 = x2 + stride;
    const low01 = f64x2.add(f64x2.mul(f0, v128.load(x)), f64x2.mul(f1, v128.load(x1)));
    const low23 = f64x2.add(f64x2.mul(f2, v128.load(x2)), f64x2.mul(f3, v128.load(x3)));
    low = f64x2.add(low, f64x2.add(low01, low23));
    const high01 = f64x2.add(f64x2.mul(f0, v128.load(x, 16)), f64x2.mul(f1, v128.load(x1, 16)));
    const high23 = f64x2.add(f64x2.mul(f2, v128.load(x2, 16)), f64x2.mul(f3, v128.load(x3, 16)));
    high = f64x2.add(high, f64x2.add(high01, high23));
    x = x3 + stride;
    factor += 32;
  }
  v128.store(at, low);
  v128.store(at, high, 16);
}

function addOne(line: usize, column: i32, components: usize, stride: usize, count: i32, factor: usize): void {
  const at = line + ((<usize>column) << 3);
  let x = components + ((<usize>column) << 3);
  const end = factor + ((<usize>count) << 3);
  let sum = load<f64>(at);
  while (factor < end) {
    // Adding 0 would make 0 of -0.
    const isNone =
      load<f64>(factor) === 0 &&
      load<f64>(factor, 8) === 0 &&
      load<f64>(factor, 16) === 0 &&
      load<f64>(factor, 24) === 0;
    if (isNone) {
      x += 4 * stride;
      factor += 32;
      continue;
    }
    const sum01 = load<f64>(factor) * load<f64>(x) + load<f64>(factor, 8) * load<f64>(x + stride);
    x += 2 * stride;
    const sum23 = load<f64>(factor, 16) * load<f64>(x) + load<f64>(factor, 24) * load<f64>(x + stride);
    x += 2 * stride;
    sum += sum01 + sum23;
    factor += 32;
  }
  store<f64>(at, sum);
}
