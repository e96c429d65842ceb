/** Inner products of vectors in panels, as core/linalg/panels.ts has them, and sums of rows. */

/** Bytes of four vectors in a panel: 256 values of each, the four side by side. */
const groupBytes: usize = 0x2000;
const panelWidth: i32 = 256;

/** Lines of a matrix whose columns are packed while they stay in the first-level cache; rows are read on and on. */
const linesAtOnce: i32 = 16;

/** How vectors lie: the columns of their matrix, or its rows; doubles, or singles. */
const areColumns: i32 = 1;
const areDoubles: i32 = 2;

/**
 * Adds up the inner products of pairs of operands, `length` values each. With an operand and itself those on and above the
 * diagonal alone, in whole tiles of four by four.
 * @param operands of each, as 32-bit integers: where its values lie, how many vectors, how they lie, where its panel is.
 * @param pairs of each: the operands, where the sums lie, and how many doubles a row of them has.
 */
export function addInner(
  operands: usize,
  operandCount: i32,
  pairs: usize,
  pairCount: i32,
  length: i32,
): void {
  const pairsEnd = pairs + ((<usize>pairCount) << 4);
  for (let from: i32 = 0; from < length; from += panelWidth) {
    const part: i32 = min(panelWidth, length - from);
    for (let index: i32 = 0; index < operandCount; index++) {
      const operand = operands + ((<usize>index) << 4);
      fillPanel(
        load<u32>(operand, 12),
        load<u32>(operand),
        load<i32>(operand, 4),
        load<i32>(operand, 8),
        length,
        from,
        part,
      );
    }
    for (let pair = pairs; pair < pairsEnd; pair += 16) {
      const x = operands + ((<usize>load<i32>(pair)) << 4);
      const y = operands + ((<usize>load<i32>(pair, 4)) << 4);
      addTiles(load<u32>(pair, 8), load<i32>(pair, 12), x, y, part);
    }
  }
}

function addTiles(sums: usize, stride: i32, x: usize, y: usize, length: i32): void {
  const countOfX = load<i32>(x, 4);
  const countOfY = load<i32>(y, 4);
  const panelOfX: usize = load<u32>(x, 12);
  const panelOfY: usize = load<u32>(y, 12);
  const strideBytes: usize = (<usize>stride) << 3;
  for (let i: i32 = 0; i < countOfX; i += 4) {
    const rows = panelOfX + <usize>(i >> 2) * groupBytes;
    for (let j: i32 = x === y ? i : 0; j < countOfY; j += 4) {
      const columns = panelOfY + <usize>(j >> 2) * groupBytes;
      addTile(sums + ((<usize>(i * stride + j)) << 3), strideBytes, rows, columns, length);
    }
  }
}

/** Sixteen sums in eight registers; each value of x meets those of y two by two. */
function addTile(at: usize, strideBytes: usize, x: usize, y: usize, length: i32): void {
  let s00 = f64x2.splat(0);
  let s01 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let s20 = f64x2.splat(0);
  let s21 = f64x2.splat(0);
  let s30 = f64x2.splat(0);
  let s31 = f64x2.splat(0);
  const end = x + ((<usize>length) << 5);
  while (x < end) {
    const b0 = v128.load(y);
    const b1 = v128.load(y, 16);
    const a0 = v128.load64_splat(x);
    s00 = madd(a0, b0, s00);
    s01 = madd(a0, b1, s01);
    const a1 = v128.load64_splat(x, 8);
    s10 = madd(a1, b0, s10);
    s11 = madd(a1, b1, s11);
    const a2 = v128.load64_splat(x, 16);
    s20 = madd(a2, b0, s20);
    s21 = madd(a2, b1, s21);
    const a3 = v128.load64_splat(x, 24);
    s30 = madd(a3, b0, s30);
    s31 = madd(a3, b1, s31);
    x += 32;
    y += 32;
  }
  addTo(at, s00, s01);
  addTo(at + strideBytes, s10, s11);
  addTo(at + 2 * strideBytes, s20, s21);
  addTo(at + 3 * strideBytes, s30, s31);
}

function addTo(at: usize, low: v128, high: v128): void {
  v128.store(at, f64x2.add(v128.load(at), low));
  v128.store(at, f64x2.add(v128.load(at, 16), high), 16);
}

/** x·y + sum, rounded once where the module is compiled for hosts that can. */
function madd(x: v128, y: v128, sum: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? v128.relaxed_madd<f64>(x, y, sum) : f64x2.add(sum, f64x2.mul(x, y));
}

/** Values [from, from + part) of each vector. Vectors of padding, and up to three values more, are filled with anything. */
function fillPanel(
  panel: usize,
  vectors: usize,
  count: i32,
  kind: i32,
  length: i32,
  from: i32,
  part: i32,
): void {
  if ((kind & areDoubles) !== 0) fill<f64>(panel, vectors, count, kind, length, from, part);
  else fill<f32>(panel, vectors, count, kind, length, from, part);
}

function fill<T>(
  panel: usize,
  vectors: usize,
  count: i32,
  kind: i32,
  length: i32,
  from: i32,
  part: i32,
): void {
  const atOnce: i32 = (kind & areColumns) !== 0 ? linesAtOnce : panelWidth;
  for (let block: i32 = 0; block < part; block += atOnce) {
    const values: i32 = min(atOnce, part - block);
    for (let first: i32 = 0; first < count; first += 4) {
      const target = panel + <usize>(first >> 2) * groupBytes + ((<usize>block) << 5);
      if ((kind & areColumns) !== 0) {
        const at = (from + block) * count + first;
        copyFour<T>(target, vectors + <usize>at * sizeof<T>(), <usize>count * sizeof<T>(), values);
      } else {
        const at = first * length + from + block;
        turnFour<T>(target, vectors + <usize>at * sizeof<T>(), <usize>length * sizeof<T>(), values);
      }
    }
  }
}

/** Four values side by side from each of `count` places that are `stride` bytes apart. */
function copyFour<T>(target: usize, at: usize, stride: usize, count: i32): void {
  const end = target + ((<usize>count) << 5);
  for (; target < end; target += 32) {
    if (sizeof<T>() === 8) {
      v128.store(target, v128.load(at));
      v128.store(target, v128.load(at, 16), 16);
    } else storeWidened(target, v128.load(at));
    at += stride;
  }
}

/** `count` values of each of four vectors that are `stride` bytes apart, turned so that the four lie side by side. */
function turnFour<T>(target: usize, at: usize, stride: usize, count: i32): void {
  const end = target + ((<usize>count) << 5);
  const at1 = at + stride;
  const at2 = at1 + stride;
  const at3 = at2 + stride;
  for (let offset: usize = 0; target < end; offset += 16) {
    const r0 = v128.load(at + offset);
    const r1 = v128.load(at1 + offset);
    const r2 = v128.load(at2 + offset);
    const r3 = v128.load(at3 + offset);
    if (sizeof<T>() === 8) {
      v128.store(target, v128.shuffle<f64>(r0, r1, 0, 2));
      v128.store(target, v128.shuffle<f64>(r2, r3, 0, 2), 16);
      v128.store(target, v128.shuffle<f64>(r0, r1, 1, 3), 32);
      v128.store(target, v128.shuffle<f64>(r2, r3, 1, 3), 48);
      target += 64;
    } else {
      const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
      const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
      const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      storeWidened(target, v128.shuffle<i64>(low01, low23, 0, 2));
      storeWidened(target + 32, v128.shuffle<i64>(low01, low23, 1, 3));
      storeWidened(target + 64, v128.shuffle<i64>(high01, high23, 0, 2));
      storeWidened(target + 96, v128.shuffle<i64>(high01, high23, 1, 3));
      target += 128;
    }
  }
}

function storeWidened(target: usize, four: v128): void {
  v128.store(target, f64x2.promote_low_f32x4(four));
  v128.store(target, f64x2.promote_low_f32x4(v128.shuffle<i64>(four, four, 1, 1)), 16);
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
