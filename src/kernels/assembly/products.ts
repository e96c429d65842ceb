/** Inner products of rows of two panels, as core/linalg/panels.ts has them. */
import { sumOfDoubles } from "./memory";

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

function addTo(at: usize, sum: v128, offset: usize): void {
  store<f64>(at + offset, load<f64>(at + offset) + sumOfDoubles(sum));
}
