import type { TensorReader } from "../checkpoint/tensorReader";
import { zeroWeights } from "../health/zeroWeights";
import { spread } from "../lists/spread";
import { isReadingError, type Problem } from "../problem/problem";
import type { Tensor } from "../tensors/tensor";
import { rowsOfOneRank } from "../update/rowsOfOneRank";
import { floatingOf, isSmall, lookAtValues, maxSampledTensors, notFiniteIn } from "../values/lookAtValues";
import { bookkeepingOf } from "./bookkeeping";
import type { CheckpointSession } from "./checkpointSession";
import { differingHead } from "./differingHead";
import { untrainedModules, zeroMagnitudes } from "./untrainedModules";

/**
 * What the values that a look may read tell: all of a small file, else the first values of tensors evenly over the
 * file. NaN and infinities are errors; an adapter that changes nothing is a warning. That nothing is found tells
 * nothing of a large file.
 */
export async function sampledFindings(
  session: CheckpointSession,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  // Of a cut file not every tensor has bytes: that is told already, and worse than what they hold.
  if (session.checkpoint.problems.some(isReadingError)) return [];
  const reader = session.tensorReader();
  try {
    return await findingsOf(session, reader, signal);
  } finally {
    await reader.close();
  }
}

async function findingsOf(
  session: CheckpointSession,
  reader: TensorReader,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const { checkpoint, adapter } = session;
  const isBookkeeping = bookkeepingOf(session);
  const floating = floatingOf(checkpoint.tensors).filter((tensor) => !isBookkeeping(tensor));
  const isWhole = isSmall(floating);
  const modules = spread(adapter?.modules ?? [], isWhole ? Number.POSITIVE_INFINITY : maxSampledTensors / 2);
  const seen = await lookAtValues(
    floating,
    (...start) => reader.readStart(...start),
    modules.flatMap(({ a, b }) => [a, b]),
    signal,
  );
  const isZero = (tensor: Tensor) => seen.get(tensor)?.every((value) => value === 0) === true;
  const looks = [...seen.keys()].map((tensor) => ({ tensor, isZero: isZero(tensor) }));
  const ofData = session.inside?.kind === "data";
  const notFinite = notFiniteIn(seen, ofData);
  const severity = ofData ? "info" : "error";
  return [
    ...(notFinite === undefined ? [] : [{ severity, code: "NotFiniteValues", ...notFinite } as const]),
    ...(await differingHead(session, reader, signal)),
    ...(session.isPlainModel ? zeroWeights(checkpoint, looks, !isWhole) : []),
    ...untrainedModules(modules, isZero, adapter?.modules.length ?? 0),
    ...(isWhole ? zeroMagnitudes(modules, isZero) : []),
    ...(isWhole ? await rowsOfOneRank(modules, zerosIn(seen), async (tensor) => seen.get(tensor)) : []),
  ];
}

function zerosIn(seen: ReadonlyMap<Tensor, Float64Array>): (tensor: Tensor) => number | undefined {
  return (tensor) => seen.get(tensor)?.reduce((count, value) => (value === 0 ? count + 1 : count), 0);
}
