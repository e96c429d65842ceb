import type { Run, RunCheckpoint } from "../run";

/** As much of a run as its logs need. */
export type LoggedRun = Pick<Run, "id" | "path" | "logFiles" | "logs"> & {
  readonly checkpoints: readonly Pick<RunCheckpoint, "path" | "step" | "epoch">[];
};

/** Only that: a run with a thousand checkpoints is large. */
export function loggedRun({ id, path, logFiles, logs, checkpoints }: Run): LoggedRun {
  const steps = checkpoints.map((one) => ({
    path: one.path,
    ...(one.step === undefined ? {} : { step: one.step }),
    ...(one.epoch === undefined ? {} : { epoch: one.epoch }),
  }));
  return { id, path, logFiles, logs, checkpoints: steps };
}
