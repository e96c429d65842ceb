import { formatCount } from "../text/quantities";

/** Where a training stood that had made all the steps that were planned; undefined while some are left. */
export function finishedAt(
  progress: { readonly step: number | undefined; readonly planned?: number | undefined } | undefined,
): string | undefined {
  const { step, planned } = progress ?? {};
  if (step === undefined || planned === undefined || planned <= 0 || step < planned) return undefined;
  return `step ${formatCount(step)} of ${formatCount(planned)}`;
}
