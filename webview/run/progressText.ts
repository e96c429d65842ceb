import type { RunProgress } from "../../src/core/runs/series/runProgress";
import { type RunActivity, runActivity } from "../../src/core/runs/status/runActivity";
import { formatCount, formatNumber } from "../../src/core/text/quantities";
import { formatClock, formatElapsed } from "../charts/timeAxis";

const names: Record<RunActivity, string> = {
  ended: "Ended",
  running: "Running",
  stalled: "Stalled",
  silent: "Silent",
  stopped: "Stopped",
  unknown: "",
};

const reasons: Record<RunActivity, string> = {
  ended: "The log has its closing entry, or all planned steps are done.",
  running: "The last entry of the log is as recent as those before it let expect.",
  stalled: "The next entry of the log is long overdue.",
  silent: "Nothing was written for a while. The log does not tell how often to expect an entry.",
  stopped: "Nothing was written for more than a day, and the log has no closing entry.",
  unknown: "",
};

export interface ProgressText {
  readonly activity: RunActivity;
  /** In one word; empty where nothing is known. */
  readonly state: string;
  readonly reason: string;
  /** "step 480 of 600". */
  readonly step: string | undefined;
  /** Done of what was planned, 0 to 1. */
  readonly share: number | undefined;
  /** Speed, time left and when the log was last written, as far as that is worth saying. */
  readonly facts: readonly string[];
}

const daySeconds = 86_400;

export function progressText(progress: RunProgress, nowMs: number): ProgressText {
  const { step, maxSteps, lastWrittenMs } = progress;
  const activity = runActivity(progress, nowMs);
  const planned = maxSteps !== undefined && maxSteps > 0 ? maxSteps : undefined;
  const of = planned === undefined ? "" : ` of ${formatCount(planned)}`;
  return {
    activity,
    state: names[activity],
    reason: reasons[activity],
    step: step === undefined ? undefined : `step ${formatCount(step)}${of}`,
    share: step === undefined || planned === undefined ? undefined : Math.min(1, step / planned),
    facts: [
      ...speedTexts(progress),
      ...(activity === "running" && progress.secondsLeft !== undefined
        ? [`${formatElapsed(progress.secondsLeft)} left`]
        : []),
      ...(lastWrittenMs === undefined ? [] : [writtenText(lastWrittenMs, nowMs, progress, activity)]),
    ],
  };
}

function speedTexts({ stepsPerSecond, tokensPerSecond }: RunProgress): string[] {
  const texts: string[] = [];
  if (stepsPerSecond !== undefined) {
    // Below one step a second people count the seconds of a step.
    texts.push(
      stepsPerSecond >= 1
        ? `${formatNumber(stepsPerSecond, 3)} steps/s`
        : `${formatNumber(1 / stepsPerSecond, 3)} s/step`,
    );
  }
  if (tokensPerSecond !== undefined) texts.push(`${formatCount(Math.round(tokensPerSecond))} tokens/s`);
  return texts;
}

function writtenText(
  lastWrittenMs: number,
  nowMs: number,
  { usualPauseSeconds }: RunProgress,
  activity: RunActivity,
): string {
  const seconds = Math.max(0, (nowMs - lastWrittenMs) / 1000);
  if (seconds > daySeconds) return `last written ${formatClock(lastWrittenMs / 1000)}`;
  const usual =
    activity === "stalled" && usualPauseSeconds !== undefined
      ? `, an entry every ${formatElapsed(usualPauseSeconds)} before`
      : "";
  return `last written ${formatElapsed(seconds)} ago${usual}`;
}
