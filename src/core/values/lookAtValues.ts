import { spread } from "../lists/spread";
import { heldBytes } from "../tensors/readAssembly";
import { elementCount, type Tensor } from "../tensors/tensor";
import { plural } from "../text/quantities";
import { quote } from "../text/quote";
import { decodeValues } from "./decodeValues";
import { valueDtype } from "./valueDtype";

/** Tensors of which some values are looked at; a training that diverged has NaN in nearly all of them. */
export const maxSampledTensors = 32;

/** Of one tensor, where not all can be read. */
const sampleBytes = 8 * 1024;

/** Of tensors in chunks, which are unpacked whole for any of their values. */
const maxUnpackedBytes = 64_000_000;

/** Weights up to here, as those of most adapters, are read whole. */
const maxWholeBytes = 512 * 1024;

/** And up to so many tensors: each is a read of its own. */
const maxWholeTensors = 4096;

/** Tensors with values that can be NaN. */
export function floatingOf(tensors: readonly Tensor[]): readonly Tensor[] {
  return tensors.filter(({ dtype, shape }) => {
    const how = valueDtype(dtype);
    return how?.kind === "float" && how.bitsPerValue >= 8 && elementCount(shape) > 0;
  });
}

/** Whether a look may read all values of these. */
export function isSmall(floating: readonly Tensor[]): boolean {
  const byteSize = floating.reduce((sum, tensor) => sum + tensor.byteSize, 0);
  return byteSize <= maxWholeBytes && floating.length <= maxWholeTensors;
}

/** The first bytes of a tensor; undefined where its file does not hold them. */
export type ReadStart = (
  tensor: Tensor,
  bytes: number,
  signal?: AbortSignal,
) => Promise<Uint8Array | undefined>;

/** All values of a few bytes, else the first of tensors evenly over the file, and of those `besides`. */
export async function lookAtValues(
  floating: readonly Tensor[],
  readStart: ReadStart,
  besides: readonly Tensor[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<Tensor, Float64Array>> {
  const isWhole = isSmall(floating);
  const looked = isWhole ? floating : new Set([...spread(floating, maxSampledTensors), ...besides]);
  const seen = new Map<Tensor, Float64Array>();
  let unpacked = 0;
  for (const tensor of looked) {
    signal?.throwIfAborted();
    const most = isWhole ? tensor.byteSize : sampleBytes;
    const held = heldBytes(tensor, most);
    if (unpacked + held > maxUnpackedBytes) continue;
    unpacked += held;
    const values = await firstValues(tensor, most, readStart, signal);
    if (values !== undefined) seen.set(tensor, values);
  }
  return seen;
}

async function firstValues(
  tensor: Tensor,
  bytes: number,
  readStart: ReadStart,
  signal?: AbortSignal,
): Promise<Float64Array | undefined> {
  const bytesPerValue = (valueDtype(tensor.dtype)?.bitsPerValue ?? 8) / 8;
  const count = Math.min(elementCount(tensor.shape), Math.floor(bytes / bytesPerValue));
  const read = await readStart(tensor, count * bytesPerValue, signal);
  return read && decodeValues(read, tensor.dtype, count).values;
}

export interface NotFinite {
  /** A sentence, e.g. `"lm_head.weight" holds NaN or infinite values: …`. */
  readonly message: string;
  readonly tensor: string;
}

/** @param ofData of a file that is no model, in whose data what is absent or without end may be written so. */
export function notFiniteCause(ofData: boolean): string {
  return ofData ? "no fault by itself in data." : "training diverged, or the file is damaged.";
}

/** What is told of values that were looked at; undefined where all are finite. */
export function notFiniteIn(seen: ReadonlyMap<Tensor, Float64Array>, ofData = false): NotFinite | undefined {
  const found = [...seen].filter(
    ([{ name }, values]) =>
      values.some((value) => !Number.isFinite(value)) &&
      !isMask(values) &&
      !(isNamedAsEnd(name) && !values.some(Number.isNaN)),
  );
  const first = found[0]?.[0];
  if (first === undefined) return undefined;
  const which =
    found.length === 1
      ? `${quote(first.name)} holds`
      : `${found.length} of ${plural(seen.size, "tensor")} that were looked into hold`;
  const message = `${which} NaN or infinite values: ${notFiniteCause(ofData)}`;
  return { message, tensor: first.name };
}

/**
 * Ends of what a value may be, which are infinite where there is none: those of gym's spaces, and those with which the
 * observers of quantisation begin.
 */
export function isNamedAsEnd(name: string): boolean {
  return /(?:^|[._])(?:low|high|lower|upper|lb|ub|min|max|minimum|maximum|min_vals?|max_vals?)$/i.test(name);
}

/** What is added to attention scores: zeros, and minus infinity where nothing may be seen. */
function isMask(values: Float64Array): boolean {
  return values.includes(0) && values.every((value) => value === 0 || value === Number.NEGATIVE_INFINITY);
}
