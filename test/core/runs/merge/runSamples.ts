import type { Run, RunCheckpoint } from "../../../../src/core/runs/run";

/** When the samples are looked at, far from any real time. */
export const nowMs = 1_800_000_000_000;
export const minuteMs = 60_000;

/** A whole checkpoint folder of a training, saved a day ago. */
export function checkpoint(step: number, extra: Partial<RunCheckpoint> = {}): RunCheckpoint {
  const name = `checkpoint-${step}`;
  return {
    path: `/ws/out/${name}`,
    name,
    mainFile: `/ws/out/${name}/adapter_model.safetensors`,
    kind: "folder",
    ownsFolder: true,
    step,
    byteSize: 1000,
    modifiedMs: nowMs - 1440 * minuteMs,
    best: false,
    last: false,
    final: false,
    incomplete: false,
    parts: [],
    problems: [],
    ...extra,
  };
}

export function run(checkpoints: readonly RunCheckpoint[], extra: Partial<Run> = {}): Run {
  return {
    id: "/ws/out#1",
    name: "out",
    path: "/ws/out",
    rootName: "ws",
    checkpoints,
    logFiles: [],
    logs: [],
    problems: [],
    ...extra,
  };
}
