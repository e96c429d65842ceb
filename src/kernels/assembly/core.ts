/**
 * From the Gram matrices of two factors to the singular values of their product, as core/linalg/cholesky.ts and
 * singularValues.ts have it, in the same order: without relaxed SIMD every bit is the same. What is rare is left to them.
 */

/** As core/linalg/cholesky.ts has them. */
const smallestPivot: f64 = 1e-14;
const smallestLength: f64 = 1e-140;
const largestLength: f64 = 1e140;

/** As core/linalg/singularValues.ts has it. */
const maxIterationsPerValue: i32 = 30;

const epsilon: f64 = 2.220446049250313e-16;

/** Exponents of doubles from 2⁻¹⁰⁰⁰ to 2¹⁰⁰⁰. */
const smallestExponent: u64 = 23;
const largestExponent: u64 = 2023;

/**
 * @param b BᵀB, n×n, which becomes R_b, upper triangular; `a` likewise, of A·Aᵀ.
 * @param core becomes scale·R_b·R_aᵀ.
 * @param values become its `n` singular values, largest first.
 * @param scratch memory for n² + 5·n doubles.
 * @returns the product of the smallest pivots of both; less than 0 where the plain way must be asked.
 */
export function fillCore(
  b: usize,
  a: usize,
  core: usize,
  values: usize,
  scratch: usize,
  n: i32,
  scale: f64,
): f64 {
  const pivotOfB = cholesky(b, scratch, n);
  const pivotOfA = pivotOfB < 0 ? pivotOfB : cholesky(a, scratch, n);
  if (pivotOfA < 0) return -1;
  const row: usize = (<usize>n) << 3;
  // R_aᵀ first, so that each row of the core is a sum of its rows.
  for (let i: i32 = 0; i < n; i++)
    for (let j: i32 = 0; j < n; j++)
      store<f64>(
        scratch + <usize>j * row + ((<usize>i) << 3),
        load<f64>(a + <usize>i * row + ((<usize>j) << 3)),
      );
  memory.fill(core, 0, <usize>n * row);
  for (let i: i32 = 0; i < n; i++) {
    const own = core + <usize>i * row;
    for (let k: i32 = i; k < n; k++)
      addRow(own, load<f64>(b + <usize>i * row + ((<usize>k) << 3)), scratch + <usize>k * row, k + 1);
  }
  let largest: f64 = 0;
  for (let at = core; at < core + <usize>n * row; at += 8) {
    const value = load<f64>(at) * scale;
    store<f64>(at, value);
    // NaN stays.
    largest = abs(value) <= largest ? largest : abs(value);
  }
  const exponent = reinterpret<u64>(largest) >> 52;
  if (exponent < smallestExponent || exponent > largestExponent) return -1;
  const near = reinterpret<f64>(exponent << 52);
  for (let at: usize = 0; at < <usize>n * row; at += 8) store<f64>(scratch + at, load<f64>(core + at) / near);
  const above = scratch + <usize>n * row;
  bidiagonalize(scratch, n, values, above, above + row);
  if (!diagonalize(values, above, n)) return -1;
  sortDown(values, n, near);
  return pivotOfB * pivotOfA;
}

/** Of a Gram matrix, in its place. @returns the smallest pivot; less than 0 where columns are dependent, too short or too long. */
function cholesky(gram: usize, lengths: usize, n: i32): f64 {
  const row: usize = (<usize>n) << 3;
  for (let i: i32 = 0; i < n; i++) {
    const length = sqrt(load<f64>(gram + <usize>i * (row + 8)));
    if (!(length > smallestLength && length < largestLength)) return -1;
    store<f64>(lengths + ((<usize>i) << 3), length);
  }
  let pivot: f64 = 1;
  for (let i: i32 = 0; i < n; i++) {
    const own = gram + <usize>i * row;
    const diagonal = own + ((<usize>i) << 3);
    const length = load<f64>(lengths + ((<usize>i) << 3));
    memory.fill(own, 0, (<usize>i) << 3);
    for (let at: usize = 8; at < row - ((<usize>i) << 3); at += 8)
      store<f64>(
        diagonal + at,
        load<f64>(diagonal + at) / (length * load<f64>(lengths + ((<usize>i) << 3) + at)),
      );
    store<f64>(diagonal, 1);
    for (let k: i32 = 0; k < i; k++) {
      const above = gram + <usize>k * row + ((<usize>i) << 3);
      addRow(diagonal, -load<f64>(above), above, n - i);
    }
    const rest = load<f64>(diagonal);
    if (!(rest > smallestPivot)) return -1;
    pivot = min(pivot, rest);
    const root = sqrt(rest);
    store<f64>(diagonal, root);
    for (let at: usize = 8; at < row - ((<usize>i) << 3); at += 8)
      store<f64>(diagonal + at, load<f64>(diagonal + at) / root);
  }
  for (let i: i32 = 0; i < n; i++) {
    for (let j: usize = (<usize>i) << 3; j < row; j += 8) {
      const at = gram + <usize>i * row + j;
      store<f64>(at, load<f64>(at) * load<f64>(lengths + j));
    }
  }
  return pivot;
}

/** Adds factor·source to `count` doubles. */
function addRow(target: usize, factor: f64, source: usize, count: i32): void {
  const end = target + ((<usize>count) << 3);
  const factors = f64x2.splat(factor);
  for (; target + 32 <= end; target += 32) {
    const low = f64x2.add(v128.load(target), f64x2.mul(factors, v128.load(source)));
    const high = f64x2.add(v128.load(target, 16), f64x2.mul(factors, v128.load(source, 16)));
    v128.store(target, low);
    v128.store(target, high, 16);
    source += 32;
  }
  for (; target < end; target += 8) {
    store<f64>(target, load<f64>(target) + factor * load<f64>(source));
    source += 8;
  }
}

/** @param data n×n, which is overwritten; `scratch` holds three times n doubles. */
function bidiagonalize(data: usize, n: i32, diagonal: usize, above: usize, scratch: usize): void {
  const size: usize = (<usize>n) << 3;
  const column = scratch;
  const sums = scratch + size;
  const line = sums + size;
  for (let k: usize = 0; k < size; k += 8) {
    const first = data + ((k * size) >> 3);
    for (let i = k; i < size; i += 8) store<f64>(column + i, load<f64>(data + ((i * size) >> 3) + k));
    store<f64>(diagonal + k, makeReflector(column, k, size));
    const next = k + 8;
    if (next === size) break;
    const left = <i32>((size - next) >> 3);
    memory.fill(sums + next, 0, size - next);
    for (let i = k; i < size; i += 8)
      addRow(sums + next, load<f64>(column + i), data + ((i * size) >> 3) + next, left);
    addRow(first + next, -load<f64>(column + k), sums + next, left);
    memory.copy(line + next, first + next, size - next);
    store<f64>(above + k, makeReflector(line, next, size));
    for (let i = next; i < size; i += 8)
      reflectTwice(data + ((i * size) >> 3) + next, load<f64>(column + i), sums + next, line + next, left);
  }
  store<f64>(above + size - 8, 0);
}

/** @param from and `size` in bytes. */
function makeReflector(vector: usize, from: usize, size: usize): f64 {
  let square: f64 = 0;
  for (let at = from + 8; at < size; at += 8) {
    const value = load<f64>(vector + at);
    square += value * value;
  }
  const head = load<f64>(vector + from);
  if (square === 0) {
    memory.fill(vector + from, 0, size - from);
    return head;
  }
  const norm = sqrt(head * head + square);
  const shifted = head + (head < 0 ? -norm : norm);
  const factor = 1 / sqrt(norm * abs(shifted));
  store<f64>(vector + from, shifted * factor);
  for (let at = from + 8; at < size; at += 8) store<f64>(vector + at, load<f64>(vector + at) * factor);
  return head < 0 ? norm : -norm;
}

/** Takes factor·sums from a row, and then reflects it with 1 - v·vᵀ. */
function reflectTwice(row: usize, factor: f64, sums: usize, v: usize, count: i32): void {
  const factors = f64x2.splat(factor);
  const end: usize = (<usize>count) << 3;
  let both = f64x2.splat(0);
  let at: usize = 0;
  for (; at + 16 <= end; at += 16) {
    const pair = f64x2.sub(v128.load(row + at), f64x2.mul(factors, v128.load(sums + at)));
    v128.store(row + at, pair);
    both = f64x2.add(both, f64x2.mul(pair, v128.load(v + at)));
  }
  let even = f64x2.extract_lane(both, 0);
  if (at < end) {
    const last = load<f64>(row + at) - factor * load<f64>(sums + at);
    store<f64>(row + at, last);
    even += last * load<f64>(v + at);
  }
  addRow(row, -(even + f64x2.extract_lane(both, 1)), v, count);
}

/** False where it does not end, or where a diagonal element vanishes. */
function diagonalize(d: usize, e: usize, n: i32): bool {
  let most: f64 = 0;
  for (let k: i32 = 0; k < n; k++) {
    const at: usize = (<usize>k) << 3;
    most = max(most, max(abs(load<f64>(d + at)), abs(load<f64>(e + at))));
  }
  const least = epsilon * 0.0009765625 * most;
  let left: i32 = maxIterationsPerValue * n;
  for (let end: i32 = n - 1; end > 0; ) {
    const start = startOfBlock(d, e, end, least);
    if (start === end) end--;
    else if (left-- === 0 || hasNegligible(d, e, start, end, least)) return false;
    else chase(d + ((<usize>start) << 3), e + ((<usize>start) << 3), end - start);
  }
  return true;
}

function startOfBlock(d: usize, e: usize, end: i32, least: f64): i32 {
  for (let k: i32 = end - 1; k >= 0; k--) {
    const at: usize = (<usize>k) << 3;
    const beside = abs(load<f64>(d + at)) + abs(load<f64>(d + at, 8));
    if (abs(load<f64>(e + at)) > least + epsilon * beside) continue;
    store<f64>(e + at, 0);
    return k + 1;
  }
  return 0;
}

function hasNegligible(d: usize, e: usize, start: i32, end: i32, least: f64): bool {
  for (let k: i32 = end; k >= start; k--) {
    const at: usize = (<usize>k) << 3;
    const right: f64 = k < end ? abs(load<f64>(e + at)) : 0;
    const left: f64 = k > start ? abs(load<f64>(e + at - 8)) : 0;
    if (abs(load<f64>(d + at)) <= least + epsilon * (right + left)) return true;
  }
  return false;
}

/** One implicit QR step of the block of `count` + 1 values that begins at `d` and `e`. */
function chase(d: usize, e: usize, count: i32): void {
  const end = d + ((<usize>count) << 3);
  const first = load<f64>(d);
  const last = load<f64>(end);
  const beside = load<f64>(e + ((<usize>count) << 3) - 8);
  let x = (first - last) * (first + last) + shiftOf(load<f64>(end - 8), last, beside);
  let y = first * load<f64>(e);
  for (let at = d; at < end; at += 8) {
    const own = load<f64>(at);
    const right = load<f64>(e);
    const below = load<f64>(at, 8);
    let length = sqrt(x * x + y * y);
    let cosine = length === 0 ? 1 : x / length;
    let sine = length === 0 ? 0 : y / length;
    if (at > d) store<f64>(e - 8, length);
    x = cosine * own + sine * right;
    const moved = cosine * right - sine * own;
    y = sine * below;
    const lowered = cosine * below;
    length = sqrt(x * x + y * y);
    cosine = length === 0 ? 1 : x / length;
    sine = length === 0 ? 0 : y / length;
    store<f64>(at, length);
    x = cosine * moved + sine * lowered;
    store<f64>(at, cosine * lowered - sine * moved, 8);
    y = sine * load<f64>(e, 8);
    store<f64>(e, cosine * load<f64>(e, 8), 8);
    e += 8;
  }
  store<f64>(e - 8, x);
}

function shiftOf(before: f64, last: f64, beside: f64): f64 {
  const half = ((before + last) * (before - last) + beside * beside) / 2;
  const product = last * beside * (last * beside);
  if (half === 0 && product === 0) return 0;
  const root = sqrt(half * half + product);
  return product / (half + (half < 0 ? -root : root));
}

/** Magnitudes times `scale`, largest first. */
function sortDown(values: usize, n: i32, scale: f64): void {
  for (let i: usize = 0; i < (<usize>n) << 3; i += 8) {
    const value = abs(load<f64>(values + i)) * scale;
    let at = values + i;
    for (; at > values && load<f64>(at - 8) < value; at -= 8) store<f64>(at, load<f64>(at - 8));
    store<f64>(at, value);
  }
}
