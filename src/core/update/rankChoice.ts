/** Sums over singular values of many modules, from which ranks are chosen. */

/** Share of the energy lost that is rounding: ten equal values reach 90 % with nine. */
export const shareTolerance = 1e-12;

/** ‖ΔW - ΔW'‖_F / ‖ΔW‖_F of a cut that keeps `share` of the energy: √(1 - share), by Eckart and Young. */
export function errorOfShare(share: number): number {
  return Math.sqrt(Math.max(1 - share, 0));
}

export interface UniformRank {
  readonly rank: number;
  /** Share of Σσ² of all modules that this rank keeps. */
  readonly share: number;
}

/**
 * The smallest rank that, applied to every module, keeps `share` of the energy of all of them together.
 * @param rest weight of values that the spectra do not list; where they are needed, all that is listed is kept
 */
export function rankKeeping(
  spectra: readonly Float64Array[],
  share: number,
  weight: (value: number) => number = (value) => value * value,
  rest = 0,
): UniformRank {
  const byRank: number[] = [];
  for (const spectrum of spectra) {
    spectrum.forEach((value, k) => {
      byRank[k] = (byRank[k] ?? 0) + weight(value);
    });
  }
  const total = byRank.reduce((sum, part) => sum + part, rest);
  if (total === 0) return { rank: 0, share: 0 };
  let reached = 0;
  for (const [k, part] of byRank.entries()) {
    reached += part;
    if (reached >= (share - shareTolerance) * total) return { rank: k + 1, share: reached / total };
  }
  return { rank: byRank.length, share: reached / total };
}
