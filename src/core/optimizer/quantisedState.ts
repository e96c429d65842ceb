import type { TensorStatistics } from "../analysis/statisticColumns";
import { StreamingStatistics } from "../analysis/tensorStatistics";
import type { ReadTensorRange } from "../tensors/readTensorRange";
import { readAllValues } from "../tensors/readValues";
import { elementCount, type Tensor } from "../tensors/tensor";
import { blockSize, dequantiseBlockwise } from "./dequantise";
import type { OptimizerParameter } from "./optimizerState";

/** A moment that bitsandbytes keeps in 8 bits, by what its bytes stand for. Plain data. */
export interface QuantisedState {
  readonly key: string;
  /** Of the codes, the table and the scales in the table of tensors. */
  readonly codes: string;
  readonly table: string;
  readonly scales: string;
  readonly values: number;
  readonly blockSize: number;
  readonly blocks: number;
  readonly statistics: TensorStatistics;
  /** The first of them, in the order of the tensor. */
  readonly first: readonly number[];
}

/** Which moment of which parameter, by its place in the list. */
export interface QuantisedStateRequest {
  readonly optimizer: number;
  readonly parameter: number;
  readonly key: string;
}

interface QuantisedTensors {
  readonly codes: Tensor;
  readonly table: Tensor;
  readonly scales: Tensor;
}

const codesInTable = 256;
const shownValues = 16;

/** A multiple of every block size, so that a chunk begins with a block. */
const chunkValues = 1024 * 1024;

/** Scales of a tensor of 70 billion values in blocks of 256 have a gigabyte; no tensor is that large. */
const maxScaleBytes = 64_000_000;

/** The three tensors of one moment: `state1`, `qmap1` and `absmax1`. Undefined for what is kept as it is. */
export function quantisedTensors(
  { tensors }: Pick<OptimizerParameter, "tensors">,
  key: string,
): QuantisedTensors | undefined {
  const number = /^state(\d)$/.exec(key)?.[1];
  const codes = tensors.get(key);
  const table = tensors.get(`qmap${number}`);
  const scales = tensors.get(`absmax${number}`);
  if (codes === undefined || table === undefined || scales === undefined) return undefined;
  const isQuantised = codes.dtype === "U8" && elementCount(table.shape) === codesInTable;
  return isQuantised && scales.byteSize <= maxScaleBytes ? { codes, table, scales } : undefined;
}

/**
 * Dequantises a moment in chunks and measures it. Undefined where the parameter keeps no such moment.
 * @throws RangeError where the file does not hold the bytes.
 */
export async function measureQuantised(
  parameter: Pick<OptimizerParameter, "tensors">,
  key: string,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<QuantisedState | undefined> {
  const found = quantisedTensors(parameter, key);
  if (found === undefined) return undefined;
  const { codes, table, scales } = found;
  const qmap = await readAllValues(table, read);
  const absmax = await readAllValues(scales, read);
  const total = elementCount(codes.shape);
  const statistics = new StreamingStatistics();
  const first: number[] = [];
  for (let from = 0; from < total; from += chunkValues) {
    signal?.throwIfAborted();
    const bytes = await read(codes, from, Math.min(chunkValues, total - from));
    const values = dequantiseBlockwise(bytes, qmap, absmax, total, from);
    statistics.add(values);
    if (from === 0) first.push(...values.subarray(0, shownValues));
  }
  return {
    key,
    codes: codes.name,
    table: table.name,
    scales: scales.name,
    values: total,
    blockSize: blockSize(total, absmax.length),
    blocks: absmax.length,
    statistics: statistics.finish(),
    first,
  };
}
