import type { Matrix } from "../linalg/matrix";

/** How the components of one factor (rows of A, columns of B) stand to each other, from their Gram matrix. */
export interface FactorShape {
  readonly zero: boolean;
  /** ‖G - diag G‖_F / ‖G‖_F: 0 for orthogonal components; 0.1 to 0.9 in factors that were trained. */
  readonly offDiagonal: number;
  /** All components are orthogonal, as far as the rounding of the file lets one see. */
  readonly isOrthogonal: boolean;
  /** Orthogonal and of one length. */
  readonly isOrthonormal: boolean;
  /** Mean squared length of a component. */
  readonly meanSquare: number;
}

/**
 * Up to here factors count as orthogonal. SVD products in BF16 measure up to 3e-4, adapters trained by 1 % from
 * such a start 1.5e-3 and more (lora.md §1.5).
 */
const orthogonalLimit = 1e-3;

/**
 * @param length number of values in a component, over which rounding averages out.
 * @param rounding typical relative rounding of one value.
 */
export function factorShape(gram: Matrix, length: number, rounding: number): FactorShape {
  const { rows: r, data } = gram;
  let diagonal = 0;
  let rest = 0;
  let trace = 0;
  let shortest = Number.POSITIVE_INFINITY;
  let longest = 0;
  for (let i = 0; i < r; i++) {
    for (let j = 0; j < r; j++) if (j !== i) rest += (data[i * r + j] as number) ** 2;
    const own = data[i * r + i] as number;
    diagonal += own * own;
    trace += own;
    shortest = Math.min(shortest, own);
    longest = Math.max(longest, own);
  }
  if (!(trace > 0)) return nothing;
  const offDiagonal = rest === 0 ? 0 : Math.sqrt(rest / (rest + diagonal));
  const isOrthogonal = offDiagonal <= Math.max(orthogonalLimit, 3 * roundingOfAngles(r, length, rounding));
  const lengthTolerance = 5e-3 + (4 * rounding) / Math.sqrt(length);
  return {
    zero: false,
    offDiagonal,
    isOrthogonal,
    isOrthonormal: isOrthogonal && longest - shortest <= lengthTolerance * longest,
    meanSquare: trace / r,
  };
}

const nothing: FactorShape = {
  zero: true,
  offDiagonal: 0,
  isOrthogonal: false,
  isOrthonormal: false,
  meanSquare: 0,
};

/** The off-diagonal share that rounding alone gives r orthogonal components. */
export function roundingOfAngles(rank: number, length: number, rounding: number): number {
  return rounding * Math.sqrt((2 * Math.max(rank - 1, 0)) / Math.max(length, 1));
}
