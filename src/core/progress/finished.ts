import { formatCount, formatNumber } from "../text/quantities";

/** Where a training stood that had made all that was planned, in steps or in epochs; undefined while some is left. */
export function finishedAt(
  progress:
    | {
        readonly step: number | undefined;
        readonly planned?: number | undefined;
        readonly epoch?: number | undefined;
        readonly plannedEpochs?: number | undefined;
        readonly epochsMade?: number | undefined;
      }
    | undefined,
): string | undefined {
  const { step, planned, epoch, plannedEpochs, epochsMade } = progress ?? {};
  if (isReached(step, planned))
    return `step ${formatCount(step as number)} of ${formatCount(planned as number)}`;
  if (isReached(epochsMade, plannedEpochs) && epochsMade !== epoch)
    return `${formatNumber(epochsMade as number)} of ${formatNumber(plannedEpochs as number)} epochs`;
  if (!isReached(epoch, plannedEpochs)) return undefined;
  return `epoch ${formatNumber(epoch as number)} of ${formatNumber(plannedEpochs as number)}`;
}

function isReached(done: number | undefined, planned: number | undefined): boolean {
  return done !== undefined && planned !== undefined && planned > 0 && done >= planned;
}
