/** Steps of the integral over the density; the edges are square roots, which the substitution takes away. */
const steps = 256;
const searches = 60;

/**
 * The largest singular value that noise alone would have, where the smallest of those given is noise: entries that are
 * independent and of one variance, whose spectrum is that of Marchenko and Pastur (Mathematics of the USSR-Sbornik 1,
 * 1967). Known from an SVD of the whole are `spectrum`'s largest values alone, so the last of them tells the variance by
 * its place in that law.
 * @param spectrum singular values, largest first, of a `rows`×`columns` matrix.
 * @returns undefined where the last is none.
 */
export function noiseFloor(spectrum: Float64Array, rows: number, columns: number): number | undefined {
  const last = spectrum.at(-1) ?? 0;
  const [short, long] = [Math.min(rows, columns), Math.max(rows, columns)];
  if (last < 1e-6 * (spectrum[0] ?? 0) || last === 0 || spectrum.length > short) return undefined;
  const ratio = short / long;
  const [least, most] = [(1 - Math.sqrt(ratio)) ** 2, (1 + Math.sqrt(ratio)) ** 2];
  const share = (spectrum.length - 0.5) / short;
  let [low, high] = [least, most];
  for (let search = 0; search < searches; search++) {
    const middle = (low + high) / 2;
    if (shareAbove(middle, least, most, ratio) > share) low = middle;
    else high = middle;
  }
  return last * Math.sqrt(most / low);
}

/** Share of the eigenvalues, in units of the variance times the longer side, that lie above `x`. */
function shareAbove(x: number, least: number, most: number, ratio: number): number {
  // y = least + (most − least) · (1 + cos t) / 2
  const half = (most - least) / 2;
  const end = Math.acos(Math.max(-1, Math.min(1, (x - least) / half - 1)));
  let sum = 0;
  for (let step = 0; step < steps; step++) {
    const angle = ((step + 0.5) / steps) * end;
    const y = least + half * (1 + Math.cos(angle));
    sum += (half * Math.sin(angle)) ** 2 / y;
  }
  return (sum * end) / steps / (2 * Math.PI * ratio);
}
