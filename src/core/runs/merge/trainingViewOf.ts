import { baseName } from "../../bytes/paths";
import { parseStepFolder } from "../../progress/checkpointNames";
import type { LogFile } from "../logs/logFormat";
import type { RunLogFollower } from "./runLogFollower";
import type { CheckpointMarker, TrainingView } from "./trainingView";

/** A run, or as much of it as its log needs. `Run` fits; so do the paths of some checkpoint folders. */
export interface RunLogSource {
  readonly checkpoints: readonly {
    readonly path: string;
    readonly name?: string;
    readonly step?: number;
    readonly epoch?: number;
  }[];
  /** Path of the best checkpoint. */
  readonly best?: string | undefined;
  /** Path of the checkpoint that the view belongs to. */
  readonly current?: string | undefined;
  /** Known to hold the whole log; without it every checkpoint's file is read. */
  readonly logFiles?: readonly string[];
  /** Logs beside trainer_state.json. */
  readonly logs?: readonly LogFile[];
}

/** What a follower knows now, for the charts. */
export function trainingViewOf(follower: RunLogFollower, run: RunLogSource): TrainingView {
  const { series, config, summary, maxSteps, sources, problems } = follower.runLog();
  const notes = summary.flatMap(([name, value]) =>
    typeof value === "string" ? [[name, value] as const] : [],
  );
  return {
    series,
    checkpoints: run.checkpoints.flatMap((checkpoint) => markerOf(checkpoint, run, follower)),
    summary: summary.flatMap(([name, value]) => (typeof value === "number" ? [[name, value] as const] : [])),
    maxSteps,
    ...(config.length === 0 ? {} : { config }),
    ...(notes.length === 0 ? {} : { notes }),
    ...(sources.some(({ format }) => format !== "trainer-state") ? { sources } : {}),
    problems,
  };
}

function markerOf(
  { path, name, step: knownStep, epoch: knownEpoch }: RunLogSource["checkpoints"][number],
  run: RunLogSource,
  follower: RunLogFollower,
): CheckpointMarker[] {
  const own = follower.stateOf(path);
  const folderName = baseName(path);
  const step = knownStep ?? own?.step ?? parseStepFolder(folderName)?.step;
  if (step === undefined) return [];
  const epoch = knownEpoch ?? own?.epoch ?? follower.epochAt(step);
  return [
    { path, name: name ?? folderName, step, epoch, best: path === run.best, current: path === run.current },
  ];
}
