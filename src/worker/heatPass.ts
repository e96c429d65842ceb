import { TensorReader } from "../core/checkpoint/tensorReader";
import type { Tensor } from "../core/tensors/tensor";
import { type HeatMap, HeatPicture, heatMap, planHeatMap } from "../core/values/heatMap";
import type { SliceBlock, TensorSlice } from "../core/values/tensorSlice";
import { nodeFiles } from "./nodeFiles";
import { abortable } from "./numbers/abortable";
import { FilesBefore, LongPass, type NumbersSource, type PassOptions } from "./numbers/longPass";
import { TensorPlaces } from "./numbers/tensorPlaces";
import type { ThreadPool } from "./numbers/threadPool";

export interface ShownPart {
  readonly slice: TensorSlice;
  readonly part: SliceBlock;
}

/**
 * The picture of a part of a slice: a large one by all threads, where its bytes lie plainly in a file, and bit for bit
 * what one thread makes of it.
 * @returns undefined where the file is another by now.
 * @throws as `planHeatMap`, RangeError where bytes cannot be had, the signal's reason when cancelled.
 */
export async function heatMapOnThreads(
  threads: ThreadPool,
  source: NumbersSource,
  tensor: Tensor,
  { slice, part }: ShownPart,
  options: PassOptions,
): Promise<HeatMap | undefined> {
  const plan = planHeatMap(tensor, slice, part);
  const plain = plan.bands.length > 1 ? await plainTensor(source, tensor) : undefined;
  if (plain === undefined) {
    const reader = new TensorReader(source.files, source.checkpoint);
    const onValues = options.onBytes ?? (() => undefined);
    try {
      return await heatMap(
        tensor,
        slice,
        part,
        (...range) => reader.readRange(...range),
        onValues,
        options.signal,
      );
    } finally {
      await reader.close();
    }
  }
  const before = new FilesBefore(source);
  await before.look([tensor.fileIndex]);
  options.signal?.throwIfAborted();
  const picture = new HeatPicture(plan);
  const shared = { ...plan, bands: [] };
  const path = source.checkpoint.files[tensor.fileIndex]?.path ?? "";
  const pass = new LongPass(threads, options);
  pass.totalBytes = plan.block.rows * plan.block.columns;
  let failure: string | undefined;
  const work = pass.run(
    plan.bands,
    (band, control) => ({
      kind: "heat",
      paths: [path],
      control,
      tensor: plain,
      slice,
      plan: shared,
      pieces: [band],
    }),
    (band, [result]) => {
      if (result?.cells === undefined) failure ??= result?.failure ?? "The bytes could not be read.";
      else picture.put(band, result.cells);
    },
  );
  await abortable(
    work.finally(() => pass.close()),
    options.signal,
  );
  if ((await before.changed()).length > 0) return undefined;
  if (failure !== undefined) throw new RangeError(failure);
  return picture.finish();
}

/** The tensor as it lies in its file. Undefined where reading it takes more than its bytes. */
async function plainTensor(source: NumbersSource, tensor: Tensor): Promise<Tensor | undefined> {
  if (source.files !== nodeFiles || tensor.packed !== undefined || tensor.assembly !== undefined)
    return undefined;
  const places = new TensorPlaces(source.files, source.checkpoint);
  try {
    const extent = await places.find(tensor, { anyOrder: false });
    const { name, dtype, shape } = tensor;
    return extent && { name, dtype, shape, byteSize: extent.length, offset: extent.offset, fileIndex: 0 };
  } finally {
    await places.close();
  }
}
