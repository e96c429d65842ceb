import { type TensorReader, UnreadableTensorError } from "../checkpoint/tensorReader";
import { zeroWeights } from "../health/zeroWeights";
import { spread } from "../lists/spread";
import { isReadingError, type Problem } from "../problem/problem";
import { heldBytes } from "../tensors/readAssembly";
import { elementCount, type Tensor } from "../tensors/tensor";
import { plural } from "../text/quantities";
import { quote } from "../text/quote";
import { decodeValues } from "../values/decodeValues";
import { valueDtype } from "../values/valueDtype";
import { bookkeepingOf } from "./bookkeeping";
import type { CheckpointSession } from "./checkpointSession";
import { differingHead } from "./differingHead";
import { untrainedModules } from "./untrainedModules";

/** Tensors of which some values are looked at; a training that diverged has NaN in nearly all of them. */
const maxSampledTensors = 32;

/** Of one tensor, where not all can be read. */
const sampleBytes = 8 * 1024;

/** Of tensors in chunks, which are unpacked whole for any of their values. */
const maxUnpackedBytes = 64_000_000;

/** Weights up to here, as those of most adapters, are read whole. */
const maxWholeBytes = 512 * 1024;

/** And up to so many tensors: each is a read of its own. */
const maxWholeTensors = 4096;

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
  const floating = checkpoint.tensors.filter(
    (tensor) => isFloating(tensor.dtype) && elementCount(tensor.shape) > 0 && !isBookkeeping(tensor),
  );
  const byteSize = floating.reduce((sum, tensor) => sum + tensor.byteSize, 0);
  const isSmall = byteSize <= maxWholeBytes && floating.length <= maxWholeTensors;
  const modules = spread(adapter?.modules ?? [], isSmall ? Number.POSITIVE_INFINITY : maxSampledTensors / 2);
  const some = spread(floating, maxSampledTensors);
  const looked = isSmall ? floating : [...new Set([...some, ...modules.flatMap(({ a, b }) => [a, b])])];
  const seen = new Map<Tensor, Float64Array>();
  let unpacked = 0;
  for (const tensor of looked) {
    signal?.throwIfAborted();
    const most = isSmall ? tensor.byteSize : sampleBytes;
    const held = heldBytes(tensor, most);
    if (unpacked + held > maxUnpackedBytes) continue;
    unpacked += held;
    const values = await firstValues(tensor, most, reader, signal);
    if (values !== undefined) seen.set(tensor, values);
  }
  const isZero = (tensor: Tensor) => seen.get(tensor)?.every((value) => value === 0) === true;
  const looks = [...seen.keys()].map((tensor) => ({ tensor, isZero: isZero(tensor) }));
  return [
    ...notFinite(seen),
    ...(await differingHead(session, reader, signal)),
    ...(session.isPlainModel ? zeroWeights(checkpoint, looks, !isSmall) : []),
    ...untrainedModules(modules, isZero, modules.length === adapter?.modules.length),
  ];
}

function isFloating(dtype: string): boolean {
  const how = valueDtype(dtype);
  return how?.kind === "float" && how.bitsPerValue >= 8;
}

async function firstValues(
  tensor: Tensor,
  bytes: number,
  reader: TensorReader,
  signal?: AbortSignal,
): Promise<Float64Array | undefined> {
  const bytesPerValue = (valueDtype(tensor.dtype)?.bitsPerValue ?? 8) / 8;
  const count = Math.min(elementCount(tensor.shape), Math.floor(bytes / bytesPerValue));
  try {
    const read = await reader.readRange(tensor, 0, count * bytesPerValue, signal);
    return decodeValues(read, tensor.dtype, count).values;
  } catch (error) {
    // What the file does not hold is told by its directory.
    if (error instanceof UnreadableTensorError) return undefined;
    throw error;
  }
}

function notFinite(seen: ReadonlyMap<Tensor, Float64Array>): Problem[] {
  const found = [...seen].filter(
    ([, values]) => values.some((value) => !Number.isFinite(value)) && !isMask(values),
  );
  const first = found[0]?.[0];
  if (first === undefined) return [];
  const which =
    found.length === 1
      ? `${quote(first.name)} holds`
      : `${found.length} of ${plural(seen.size, "tensor")} that were looked into hold`;
  const message = `${which} NaN or infinite values: training diverged, or the file is damaged.`;
  return [{ severity: "error", code: "NotFiniteValues", message, tensor: first.name }];
}

/** What is added to attention scores: zeros, and minus infinity where nothing may be seen. */
function isMask(values: Float64Array): boolean {
  return values.includes(0) && values.every((value) => value === 0 || value === Number.NEGATIVE_INFINITY);
}
