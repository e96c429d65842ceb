import { createMatrix, frobeniusNorm, type Matrix } from "../../../src/core/linalg/matrix";
import { reduceCheckpoint } from "../../../src/core/report/makeAdapter";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { ReductionOptions } from "../../../src/core/transform/reductionPlan";
import { loadFactors } from "../../../src/core/update/factors";
import type { MemoryFiles } from "../../support/memoryFiles";
import { memorySink, now } from "../adapter/memoryAdapters";
import { randomMatrix } from "../linalg/matrices";
import { dense } from "../update/randomFactors";

export const q = "model.layers.0.self_attn.q_proj";
export const v = "model.layers.1.self_attn.v_proj";
export const pair = (seed: number, rank = 6, rows = 20, cols = 16) => ({
  a: randomMatrix(rank, cols, seed),
  b: randomMatrix(rows, rank, seed + 1),
});

export function rank(wanted: number): ReductionOptions {
  return { rule: { kind: "rank", rank: wanted }, scope: "module" };
}

export async function reduce(
  files: MemoryFiles,
  path: string,
  options: ReductionOptions,
  more: { readonly out?: string; readonly replace?: boolean; readonly signal?: AbortSignal } = {},
) {
  const { out = "/run/02", replace = false, signal } = more;
  const sink = memorySink(files);
  const make = {
    files,
    sink,
    out,
    replace,
    toolVersion: "1.2",
    now,
    ...(signal === undefined ? {} : { signal }),
  };
  return reduceCheckpoint(path, options, make);
}

/** Dense updates of an adapter, as any reader would form them. */
export async function updates(files: MemoryFiles, path: string): Promise<Map<string, Matrix>> {
  const session = await CheckpointSession.open(files, path, () => undefined);
  const reader = session.tensorReader();
  const found = new Map<string, Matrix>();
  for (const module of session.adapter?.modules ?? []) {
    found.set(module.module, dense(await loadFactors(module, (tensor) => reader.read(tensor))));
  }
  return found;
}

export function distance(x: Matrix | undefined, y: Matrix | undefined): number {
  if (x === undefined || y === undefined) return Number.NaN;
  return frobeniusNorm(
    createMatrix(
      x.rows,
      x.cols,
      x.data.map((value, at) => value - (y.data[at] as number)),
    ),
  );
}

export async function json(files: MemoryFiles, path: string): Promise<Record<string, unknown>> {
  const source = await files.open(path);
  return JSON.parse(new TextDecoder().decode(await source.read(0, source.size))) as Record<string, unknown>;
}
