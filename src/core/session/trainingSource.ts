import { baseName } from "../bytes/paths";
import { readTrainerState } from "../progress/readTrainerState";
import type { ChartSource } from "../runs/merge/chartedRun";
import type { CheckpointSession } from "./checkpointSession";
import { hasHistory } from "./summariseCheckpoint";

type Opened = Pick<CheckpointSession, "files" | "checkpoint" | "folder" | "identity" | "inside">;

/** The log beside a checkpoint, or the history in it, as a run to chart; undefined where there is none. */
export async function trainingSource(
  session: Opened,
  signal?: AbortSignal,
): Promise<ChartSource | undefined> {
  const { files, folder, identity } = session;
  const { path } = session.checkpoint;
  const { trainerStatePath } = folder;
  if (trainerStatePath === undefined) return historySource(session);
  const state = folder.trainerState ?? (await readTrainerState(files, trainerStatePath, signal));
  const { globalStep, epoch, bestModelCheckpoint } = state;
  const name = baseName(identity);
  const isBest = bestModelCheckpoint !== undefined && baseName(bestModelCheckpoint) === name;
  const moment = {
    ...(globalStep === undefined ? {} : { step: globalStep }),
    ...(epoch === undefined ? {} : { epoch }),
  };
  return {
    checkpoints: globalStep === undefined ? [] : [{ path, name, ...moment }],
    logFiles: [trainerStatePath],
    current: path,
    ...(isBest ? { best: path } : {}),
  };
}

/** The histories in the file itself. Their steps are those of its own rows, or none but their order. */
function historySource(session: Opened): ChartSource | undefined {
  if (!hasHistory(session)) return undefined;
  const { path } = session.checkpoint;
  return { checkpoints: [], logFiles: [], logs: [{ path, format: "checkpoint" }], current: path };
}
