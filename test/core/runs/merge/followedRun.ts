import type { LogFile } from "../../../../src/core/runs/logs/logFormat";
import type { FollowedLogs } from "../../../../src/core/runs/merge/logSet";
import { LogStore } from "../../../../src/core/runs/merge/logStore";
import { type RunLogChanges, RunLogFollower } from "../../../../src/core/runs/merge/runLogFollower";
import type { MemoryFiles } from "../../../support/memoryFiles";
import { event, simple, summary } from "../logs/eventFile";
import type { Bytes } from "../logs/protobuf";

export const events = (name = "1700000000.host.1.0") => `/ws/out/runs/events.out.tfevents.${name}`;
export const tensorboard = (path = events()): LogFile => ({ path, format: "tensorboard" });

/** Two tags a step, as the Trainer passes on what it logs. */
export function trainerEvents(
  from: number,
  to: number,
  { seed = 1, startedAt = 1_700_000_000 } = {},
): Bytes[] {
  const records: Bytes[] = [];
  for (let step = from; step <= to; step += 10) {
    const wallTime = startedAt + step / 10;
    const loss = 5 / Math.sqrt(step) + seed / 1000;
    records.push(event(step, wallTime, summary(simple("train/loss", loss))));
    records.push(event(step, wallTime, summary(simple("train/epoch", step / 100))));
  }
  return records;
}

/** The time of the last write. */
let clock = 0;

export const nextTime = () => ++clock;

/** A write at another time than the one before. */
export function write(files: MemoryFiles, path: string, content: string | Uint8Array): void {
  files.write(path, content, ++clock);
}

export function follow(
  files: MemoryFiles,
  run: Partial<FollowedLogs>,
  watch = false,
  nowMs = () => clock,
): RunLogFollower {
  return new RunLogFollower(
    new LogStore(files),
    { path: "/ws/out", checkpoints: [], ...run },
    { watch, nowMs },
  );
}

export const stepsOf = (follower: RunLogFollower, key = "loss") => [...(follower.series(key)?.steps ?? [])];
export const valuesOf = (follower: RunLogFollower, key = "loss") => [...(follower.series(key)?.values ?? [])];
export const appended = ({ appended: points }: RunLogChanges) =>
  Object.fromEntries(points.map(({ key, steps }) => [key, [...steps]]));
export const steps = (from: number, to: number) =>
  Array.from({ length: (to - from) / 10 + 1 }, (_, index) => from + index * 10);
