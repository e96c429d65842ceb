import { formatAligned, formatCount, formatDuration } from "../../text/quantities";
import type { Run } from "../run";
import { isTraining, lastWrittenMs } from "./liveness";
import { stepsOf } from "./runRows";

/** A status bar is shared with others. */
const maxNameLength = 32;

export interface StatusBarText {
  readonly text: string;
  /** For a screen reader, which does not read icons. */
  readonly label: string;
}

/** The run that was written to last, of those that are being written. */
export function newestTraining(runs: readonly Run[], nowMs: number): Run | undefined {
  let newest: Run | undefined;
  for (const run of runs) {
    if (!isTraining(run, nowMs)) continue;
    if (newest === undefined || lastWrittenMs(run) > lastWrittenMs(newest)) newest = run;
  }
  return newest;
}

/** Name, steps of those planned, last loss and time left, as far as they are known. */
export function statusBarText(run: Run, live: boolean): StatusBarText | undefined {
  const { progress } = run;
  const { done, planned } = stepsOf(run);
  const loss = progress?.lastLoss ?? run.checkpoints.findLast((one) => one.loss !== undefined)?.loss;
  if (done === undefined && loss === undefined) return undefined;
  const isPlanned = planned !== undefined && (done ?? 0) <= planned;
  const steps = done === undefined ? undefined : formatCount(done);
  const left = live ? progress?.secondsLeft : undefined;
  const facts = [
    ...(steps === undefined ? [] : [isPlanned ? `${steps}/${formatCount(planned)}` : `step ${steps}`]),
    ...(loss === undefined ? [] : [`loss ${formatAligned(loss)}`]),
    ...(left === undefined ? [] : [`${formatDuration(left)} left`]),
    ...(progress?.ended === true ? ["ended"] : []),
  ];
  const icon = live ? "$(pulse)" : "$(graph-line)";
  return {
    text: `${icon} ${withoutIcons(shortened(run.name))} ${facts.join(" · ")}`,
    label: `Training run ${run.name}: ${facts.join(", ").replace("/", " of ")}`,
  };
}

function shortened(name: string): string {
  const characters = [...name];
  return characters.length <= maxNameLength ? name : `${characters.slice(0, maxNameLength - 1).join("")}…`;
}

/** `$(name)` would be drawn as an icon: a folder may be called so. */
function withoutIcons(name: string): string {
  return name.replaceAll("$(", "$\u200b(");
}
