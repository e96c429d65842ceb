/**
 * What each of some snapshots counts, oldest first, after mean = decay · mean + (1 − decay) · snapshot, from the first on.
 * @param decay between 0 and 1.
 */
export function movingAverageWeights(decay: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => (at === 0 ? 1 : 1 - decay) * decay ** (count - 1 - at));
}
