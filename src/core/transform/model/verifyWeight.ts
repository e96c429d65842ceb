import { addUpdates, type MergedUpdate } from "../../base/mergedUpdate";
import { isWritableDtype, roundValues } from "../../tensors/encode";
import type { ReadTensorRange } from "../../tensors/readTensorRange";
import { readValues } from "../../tensors/readValues";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { unitRoundoff } from "../../update/dtypeRounding";
import { loadUpdate, type PlannedUpdate, rowsAndColumns, type UpdateSource } from "./loadUpdate";
import { addToFit, type FitPiece, type MergeFit, noFit, plainShare, shareDoubt } from "./mergeFit";

/**
 * - `merged`: the weight is base + ΔW, to the rounding of its dtype.
 * - `scaled`: it is base + c·ΔW for another c.
 * - `notMerged`: it is the base's.
 * - `undecidable`: rounding swallows ΔW whole, so that merged and not merged are the same.
 * - `different`: it is neither.
 */
export type MergeVerdict = "merged" | "scaled" | "notMerged" | "undecidable" | "different";

export interface VerifiedModule {
  readonly module: string;
  readonly weight: string;
  readonly verdict: MergeVerdict;
  /** What ΔW = scale·B·A is multiplied by in the adapter, and in the weight that was found. */
  readonly scale: number;
  readonly foundScale: number | undefined;
  /** ‖M − W − c·ΔW‖ / ‖c·ΔW‖ at the share that was found. */
  readonly missShare: number;
  /** Values that no rounding explains. */
  readonly outside: number;
  /** The cosine between the change that was found and ΔW; undefined where one of them is none. */
  readonly cosine: number | undefined;
}

/** A weight of a result, and what it should be: data alone, which a thread can be given. */
export interface VerifyTask {
  readonly kind: "verify";
  /** Of the result, which is the first source. */
  readonly found: Tensor;
  /** The base's, or what an adapter saved whole. */
  readonly meant: Tensor;
  /** Which of the sources that is of. */
  readonly source: number;
  /** Of a weight that adapters change. */
  readonly updates?: readonly PlannedUpdate<NumberedSource>[];
}

/** An adapter, and which of the sources it is. */
export interface NumberedSource extends UpdateSource {
  readonly source: number;
}

/** Of readers, what reads the adapters' factors: one for all weights, as factors of experts are kept by it. */
const readings = new WeakMap<readonly ReadTensorRange[], (own: NumberedSource) => ReadTensorRange>();

/**
 * @param readers one for each source, or one for all.
 * @param pause waits or gives up before what takes long.
 * @throws CheckpointError `NotMergeable` where factors cannot be read or hold NaN.
 */
export async function verifyTensor(
  task: VerifyTask,
  readers: readonly ReadTensorRange[],
  pause: () => Promise<void>,
): Promise<{
  readonly factors: undefined;
  readonly verified?: VerifiedModule;
  readonly isSame?: boolean;
}> {
  const { found, meant, source, updates } = task;
  const readerOf = (source: number) => readers[source] ?? (readers[0] as ReadTensorRange);
  if (updates === undefined) {
    const isSame = await isRounded(meant, readerOf(source), found, readerOf(0), pause);
    return { factors: undefined, isSame };
  }
  const readOf = readings.get(readers) ?? ((own: NumberedSource) => readerOf(own.source));
  readings.set(readers, readOf);
  const weight = { tensor: meant, found, updates, read: readerOf(source), readFound: readerOf(0), pause };
  return { factors: undefined, verified: await verifyWeight(weight, readOf) };
}

interface VerifiedWeight {
  readonly tensor: Tensor;
  readonly found: Tensor;
  readonly updates: readonly PlannedUpdate<NumberedSource>[];
  readonly read: ReadTensorRange;
  readonly readFound: ReadTensorRange;
  readonly pause: () => Promise<void>;
}

const pieceValues = 1 << 18;
/** Rounding swallows more of a small update: each round brings the share nearer. */
const mostRounds = 6;

async function verifyWeight(
  weight: VerifiedWeight,
  readOf: (own: NumberedSource) => ReadTensorRange,
): Promise<VerifiedModule> {
  const { tensor, found, updates } = weight;
  const loaded = (
    await Promise.all(updates.map((update) => loadUpdate(update, tensor, readOf, undefined)))
  ).flat();
  const updateDtype = coarsest([
    found.dtype,
    ...updates.flatMap(({ module, whole }) =>
      whole === undefined && module !== undefined
        ? [module.a.dtype, module.b.dtype]
        : [whole?.dtype ?? found.dtype],
    ),
  ]);
  const [first] = loaded;
  const scale = first !== undefined && "scale" in first ? first.scale : 1;
  // A result that was rounded to the base's dtype and then stored in a wider one is as exact as it was before.
  const dtypes = [
    found.dtype,
    ...(unitRoundoff(tensor.dtype) > unitRoundoff(found.dtype) ? [tensor.dtype] : []),
  ];
  let best: VerifiedModule | undefined;
  for (const dtype of dtypes) {
    const verified = await verifyAs(weight, loaded, { foundDtype: dtype, updateDtype, scale });
    if (best === undefined || verified.verdict !== "different") best = verified;
    if (best.verdict !== "different") break;
  }
  return best as VerifiedModule;
}

type Dtypes = Pick<FitPiece, "foundDtype" | "updateDtype" | "scale">;

async function verifyAs(
  weight: VerifiedWeight,
  loaded: readonly MergedUpdate[],
  dtypes: Dtypes,
): Promise<VerifiedModule> {
  const fitOf = (share: number) => fitWeight(weight, loaded, dtypes, share);
  const whole = await fitOf(1);
  const { scale } = dtypes;
  const told = (verdict: MergeVerdict, fit: MergeFit, share: number | undefined): VerifiedModule => ({
    module: [...new Set(loaded.map(({ module }) => module))].join(" + "),
    weight: weight.found.name,
    verdict,
    scale,
    foundScale: share === undefined ? undefined : share * scale,
    missShare: Math.sqrt(fit.missSquares / fit.updateSquares) / Math.abs(share || 1),
    outside: fit.outside,
    cosine: cosineOf(fit),
  });
  if (whole.unlike === 0)
    return told(whole.changed === 0 ? "undecidable" : "merged", whole, whole.changed === 0 ? undefined : 1);
  if (whole.changed === 0) return told("notMerged", whole, 0);
  if (isFit(whole, 1, dtypes)) return told("merged", whole, 1);
  const hasScale = loaded.every(
    (update) => "scale" in update && (!("magnitude" in update) || update.magnitude === undefined),
  );
  const found = hasScale ? await searchShare(whole, scale, dtypes, fitOf) : undefined;
  if (found === undefined) return told("different", whole, undefined);
  const { share, fit } = found;
  return Math.abs(share) <= 6 * shareDoubt(fit) ? told("notMerged", fit, 0) : told("scaled", fit, share);
}

/**
 * The share of an update that was merged. Rounding swallows more of a small share than of a large one, so that the plain
 * least-squares share is only where the search begins: it goes by what each share leaves after rounding.
 */
async function searchShare(
  whole: MergeFit,
  scale: number,
  dtypes: Dtypes,
  fitOf: (share: number) => Promise<MergeFit>,
): Promise<{ readonly share: number; readonly fit: MergeFit } | undefined> {
  const { product } = whole;
  const sign = Math.sign(product) || 1;
  let last = { share: 1, left: Math.abs(whole.roundedProduct) };
  const isFine = shareDoubt(whole) < fineDoubt;
  let share = isFine ? plainShare(whole) : sign * Math.sqrt(Math.abs(product) / last.left);
  for (let round = 0; round < mostRounds && Number.isFinite(share) && share !== 0; round++) {
    // What somebody would choose, where it is near.
    const chosen = [1, 2]
      .map((digits) => Number((share * scale).toPrecision(digits)) / scale)
      .filter((each) => Math.abs(each / share - 1) < 0.04);
    for (const tried of new Set([...chosen, share])) {
      const fit = await fitOf(tried);
      if (isFit(fit, tried, dtypes)) return { share: tried, fit };
      if (tried !== share) continue;
      const left = Math.abs(fit.roundedProduct);
      const slope = Math.log(left / last.left) / Math.log(Math.abs(share / last.share));
      last = { share, left };
      share *= (Math.abs(product) / left) ** (1 / (slope > 0.2 && slope < 20 ? slope : 2));
    }
  }
  return undefined;
}

/** All that is left of the doubt about a share is its last digits. */
const fineDoubt = 1e-4;

function isFit(fit: MergeFit, share: number, { updateDtype }: Dtypes): boolean {
  const { product, roundedProduct } = fit;
  if (fit.outside > 0 || roundedProduct === 0) return fit.outside === 0 && fit.unlike === 0;
  const tolerance = 6 * shareDoubt(fit) + 2 * unitRoundoff(updateDtype) * Math.abs(share);
  return Math.abs((product / roundedProduct - 1) * share) <= tolerance;
}

function cosineOf({ product, updateSquares, foundSquares }: MergeFit): number | undefined {
  const norms = Math.sqrt(updateSquares) * Math.sqrt(foundSquares);
  return norms > 0 ? product / norms : undefined;
}

function coarsest(dtypes: readonly string[]): string {
  return dtypes.reduce((a, b) => (unitRoundoff(b) > unitRoundoff(a) ? b : a));
}

async function fitWeight(
  { tensor, found, updates, read, readFound, pause }: VerifiedWeight,
  loaded: readonly MergedUpdate[],
  dtypes: Dtypes,
  share: number,
): Promise<MergeFit> {
  const [rows, columns] = rowsAndColumns(tensor, updates);
  const fit = noFit();
  const step = Math.max(1, Math.floor(pieceValues / Math.max(1, columns)));
  for (let first = 0; first < rows; first += step) {
    await pause();
    const count = Math.min(step, rows - first) * columns;
    const [before, values] = await Promise.all([
      readValues(tensor, first * columns, count, read),
      readValues(found, first * columns, count, readFound),
    ]);
    const update = before.slice();
    addUpdates(update, first, columns, loaded);
    for (let at = 0; at < count; at++) update[at] = (update[at] as number) - (before[at] as number);
    addToFit(fit, { base: before, found: values, update, ...dtypes }, share);
  }
  return fit;
}

/** Whether a tensor holds the values of another, rounded to its own dtype. */
async function isRounded(
  meant: Tensor,
  readMeant: ReadTensorRange,
  found: Tensor,
  readFound: ReadTensorRange,
  pause: () => Promise<void>,
): Promise<boolean> {
  if (meant.shape.join() !== found.shape.join()) return false;
  const isSameDtype = meant.dtype === found.dtype;
  if (!isSameDtype && !(isWritableDtype(meant.dtype) && isWritableDtype(found.dtype))) return false;
  const total = isSameDtype ? meant.byteSize : elementCount(meant.shape);
  const step = 4 * pieceValues;
  for (let first = 0; first < total; first += step) {
    await pause();
    const count = Math.min(step, total - first);
    if (isSameDtype) {
      const [a, b] = await Promise.all([readMeant(meant, first, count), readFound(found, first, count)]);
      if (!isSameBytes(a, b)) return false;
      continue;
    }
    const [a, b] = await Promise.all([
      readValues(meant, first, count, readMeant),
      readValues(found, first, count, readFound),
    ]);
    if (isWritableDtype(found.dtype)) roundValues(a, found.dtype, a);
    if (!isSameValues(a, b)) return false;
  }
  return true;
}

/** NaN is NaN; of the zeros one is the other. */
function isSameValues(a: Float64Array, b: Float64Array): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at] && !Object.is(a[at], b[at])) return false;
  return true;
}

/** Four at a time, where both lie so. */
function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let at = 0;
  if (a.byteOffset % 4 === 0 && b.byteOffset % 4 === 0) {
    const [left, right] = [a, b].map(
      (each) => new Int32Array(each.buffer, each.byteOffset, each.length >> 2),
    );
    const words = a.length >> 2;
    for (; at < words; at++) if (left?.[at] !== right?.[at]) return false;
    at *= 4;
  }
  for (; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
