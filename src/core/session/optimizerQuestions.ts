import { readScalars } from "../checkpoint/readScalars";
import {
  type OptimizerPage,
  type OptimizerView,
  optimizerPage,
  pageTensors,
  viewOptimizer,
} from "../optimizer/optimizerView";
import {
  measureQuantised,
  type QuantisedState,
  type QuantisedStateRequest,
} from "../optimizer/quantisedState";
import type { Tensor } from "../tensors/tensor";
import type { CheckpointSession } from "./checkpointSession";

type Opened = Pick<CheckpointSession, "inside" | "withReader">;

const maxOptimizers = 32;

/** Each is a read of its own; the steps of more parameters are seen one by one, in the Tensors tab. */
const maxScalars = 500;

/** The optimizers whose state the file holds; a file of a GAN holds several. */
export function optimizerViews({ inside }: Pick<Opened, "inside">): readonly OptimizerView[] {
  return (inside?.optimizers ?? []).slice(0, maxOptimizers).map(viewOptimizer);
}

/** Parameters of an optimizer with their state, from `first` on. Reads the numbers that are kept as tensors. */
export async function readOptimizerPage(
  session: Opened,
  optimizer: number,
  first: number,
  signal?: AbortSignal,
): Promise<OptimizerPage> {
  const state = session.inside?.optimizers[optimizer];
  if (state === undefined) return { first, total: 0, rows: [] };
  const wanted = pageTensors(state, first).slice(0, maxScalars);
  const numbers =
    wanted.length === 0
      ? new Map<Tensor, number>()
      : await session.withReader((reader) => readScalars(reader, wanted, signal));
  return optimizerPage(state, first, (tensor) => numbers.get(tensor));
}

/** A moment of 8 bits as the values it stands for. Reads it whole; undefined where there is none. */
export async function readQuantisedState(
  session: Opened,
  { optimizer, parameter, key }: QuantisedStateRequest,
  signal?: AbortSignal,
): Promise<QuantisedState | undefined> {
  const found = session.inside?.optimizers[optimizer]?.parameters[parameter];
  if (found === undefined) return undefined;
  return session.withReader((reader) =>
    measureQuantised(
      found,
      key,
      (tensor, offset, length) => reader.readRange(tensor, offset, length, signal),
      signal,
    ),
  );
}
