import { maxTrainerStateBytes } from "../../../problem/limits";
import { trainerStateName } from "../../../progress/readTrainerState";
import { parseTrainerState, type TrainerState } from "../../../progress/trainerState";
import type { LogFacts, LogFormat, LogReport } from "../logFormat";
import type { PointBatch } from "../pointBatch";
import { readWholeLog } from "../wholeLog";

/** The Trainer's own log: written with each checkpoint, each time with all that was logged so far. */
export const trainerStateFormat: LogFormat = {
  id: "trainer-state",
  label: trainerStateName,
  matches: (name) => name === trainerStateName,
  read: (input, from, options) =>
    readWholeLog(input, from, options, maxTrainerStateBytes, (text, points) => {
      const state = parseTrainerState(text, input.path);
      addStatePoints(state, points);
      return { ...reportOf(state), state };
    }),
};

export function addStatePoints({ log }: TrainerState, points: PointBatch): void {
  for (const { step, epoch, values } of log) {
    if (!Number.isFinite(step)) continue;
    for (const [key, value] of values) points.add(key, step, value, Number.NaN, epoch);
  }
}

function reportOf(state: TrainerState): LogReport {
  const { globalStep: step, epoch, maxSteps, summary, bestModelCheckpoint, problems } = state;
  const facts: LogFacts = {
    ...(step === undefined ? {} : { step }),
    ...(epoch === undefined ? {} : { epoch }),
    ...(maxSteps === undefined ? {} : { maxSteps }),
    ...(bestModelCheckpoint === undefined ? {} : { bestModelCheckpoint }),
    ended: summary.size > 0 || state.isStoppedEarly,
  };
  return { config: [], summary: [...summary], facts, problems };
}
