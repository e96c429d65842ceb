import type { Checkpoint } from "../checkpoint/checkpoint";
import { mixedSteps } from "../checkpoint/mixedSteps";
import type { TensorReader } from "../checkpoint/tensorReader";
import type { Problem } from "../problem/problem";
import { readValues } from "../tensors/readValues";
import { elementCount, type Tensor } from "../tensors/tensor";
import { formatCount, formatNumber, plural } from "../text/quantities";
import { quote } from "../text/quote";

/** Weights that are looked at, spread over all, and values of each: an old file shows in every one of them. */
const maxPairs = 16;
const maxValues = 512;

/**
 * What shows that files of several processes are of several moments: ranks that count other steps, and weights in the
 * dtype of training that are not their 32-bit masters rounded. Reads small ranges.
 */
export async function rankFindings(
  checkpoint: Checkpoint,
  reader: TensorReader,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  return [
    ...(await mixedSteps(checkpoint, reader, signal)).map(
      (message): Problem => ({ severity: "error", code: "MixedSteps", message, file: checkpoint.folder }),
    ),
    ...(await otherMasters(checkpoint, reader, signal)),
  ];
}

/** Between two neighbours of the dtype, relative to the value; and where values are too small for that, in all. */
const roundings: ReadonlyMap<string, readonly [relative: number, least: number]> = new Map([
  ["BF16", [2 ** -7, 2 ** -133]],
  ["F16", [2 ** -10, 2 ** -24]],
]);

/** So many of the values that are looked at may be off for other reasons. */
const maxOffShare = 0.01;

async function otherMasters(
  { tensors, folder, layout }: Checkpoint,
  reader: TensorReader,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  if (layout === undefined) return [];
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const pairs = tensors.flatMap((copy) => {
    const master =
      byName.get(copy.name.replace(/^module\./, "")) ?? byName.get(`optimizer.state.fp32_param.${copy.name}`);
    const other = master === copy ? byName.get(`optimizer.state.fp32_param.${copy.name}`) : master;
    const isPair =
      other?.dtype === "F32" && roundings.has(copy.dtype) && other.shape.join() === copy.shape.join();
    return isPair ? [{ copy, master: other }] : [];
  });
  const stride = Math.max(1, pairs.length / maxPairs);
  const differing: {
    readonly name: string;
    readonly off: number;
    readonly of: number;
    readonly most: number;
  }[] = [];
  let looked = 0;
  for (let at = 0; at < pairs.length; at += stride) {
    const pair = pairs[Math.floor(at)] as (typeof pairs)[number];
    const found = await differ(pair.copy, pair.master, reader, signal);
    if (found === undefined) continue;
    looked++;
    if (found.off > found.of * maxOffShare) differing.push({ name: pair.copy.name, ...found });
  }
  const [worst] = differing.sort((a, b) => b.off / b.of - a.off / a.of);
  if (worst === undefined) return [];
  const message = `The weights in 16 bits are not the 32-bit ones rounded: of ${quote(worst.name)} ${formatCount(worst.off)} of ${plural(worst.of, "value")} differ by more, by up to ${formatNumber(worst.most)}, and so it is in ${formatCount(differing.length)} of ${plural(looked, "tensor")} that were looked at (the first ${formatCount(maxValues)} values each, ${formatCount(pairs.length)} have both). Files of different saves may lie together.`;
  return [{ severity: "warning", code: "MasterMismatch", message, file: folder }];
}

/** A master beyond the largest number of F16 is infinite in it. */
function isBeyond(rounded: number, exact: number): boolean {
  return !Number.isFinite(rounded) && Math.abs(exact) > 65_000;
}

/** How many of the first values differ by more than rounding; undefined where they cannot be read. */
async function differ(copy: Tensor, master: Tensor, reader: TensorReader, signal?: AbortSignal) {
  const of = Math.min(maxValues, elementCount(copy.shape));
  const [relative, least] = roundings.get(copy.dtype) as readonly [number, number];
  try {
    const read = (tensor: Tensor) =>
      readValues(
        tensor,
        0,
        of,
        (each, offset, length) => reader.readRange(each, offset, length, signal),
        signal,
      );
    const [rounded, exact] = [await read(copy), await read(master)];
    let off = 0;
    let most = 0;
    for (let at = 0; at < of; at++) {
      const [a, b] = [rounded[at] as number, exact[at] as number];
      const distance = Math.abs(a - b);
      if (Number.isNaN(a) ? Number.isNaN(b) : distance <= Math.abs(b) * relative + least || isBeyond(a, b))
        continue;
      off++;
      if (Number.isFinite(distance)) most = Math.max(most, distance);
    }
    return of === 0 ? undefined : { off, of, most };
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}
