import type { FileWriter } from "../bytes/fileSink";
import { SafetensorsWriter } from "../formats/safetensors/write";
import { encodeValues } from "../tensors/encode";
import type { AdapterOutput, OutputCopy, OutputModule, WrittenModule } from "./adapterOutput";
import { probeOf } from "./updateProbe";

/** How a dialect names the tensors of a module. */
export interface FactorNames {
  a(module: OutputModule): string;
  b(module: OutputModule): string;
  /** A tensor that holds alpha = scale · rank; undefined where a configuration holds it. */
  alpha(module: OutputModule): string | undefined;
}

export interface WriteProgress {
  readonly report?: ((done: number, total: number, label: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Rounded to 16 bits it would change the scale of the whole module. */
const alphaDtype = "F32";

/** Pieces in which tensors are carried over. */
const copyChunkBytes = 4 * 1024 * 1024;

/** Writes the safetensors file of an adapter, and waits until it is on the disk. */
export async function writeFactors(
  file: FileWriter,
  output: AdapterOutput,
  names: FactorNames,
  { report, signal }: WriteProgress,
): Promise<{ readonly written: readonly WrittenModule[]; readonly bytes: number }> {
  const plan = [
    ...output.modules.flatMap((module) => plannedTensors(module, names)),
    ...output.copies.map(({ name, tensor: { dtype, shape } }) => ({ name, dtype, shape })),
  ];
  const writer = new SafetensorsWriter(file, plan, output.metadata);
  const written: WrittenModule[] = [];
  for (const [index, module] of output.modules.entries()) {
    signal?.throwIfAborted();
    report?.(index, output.modules.length, module.module);
    written.push(await writeModule(writer, output, module, index, names));
  }
  for (const copy of output.copies) {
    signal?.throwIfAborted();
    await writer.add(copy.name, copy.tensor.shape, pieces(copy));
  }
  await writer.finish();
  await file.close();
  return { written, bytes: writer.byteLength };
}

async function writeModule(
  writer: SafetensorsWriter,
  output: AdapterOutput,
  module: OutputModule,
  index: number,
  names: FactorNames,
): Promise<WrittenModule> {
  const { a, b, scale, norm } = await output.factorsOf(module, index);
  const rank = a.rows;
  await writer.add(names.a(module), shapeOfA(module, rank), encodeValues(a.data, module.dtype));
  await writer.add(names.b(module), shapeOfB(module, rank), encodeValues(b.data, module.dtype));
  const alpha = names.alpha(module);
  if (alpha !== undefined) {
    await writer.add(alpha, [], encodeValues(Float64Array.of(scale * rank), alphaDtype));
  }
  return { module: module.module, rank, scale, norm, probe: probeOf(a, b, scale) };
}

function plannedTensors(module: OutputModule, names: FactorNames) {
  const { dtype, maxRank } = module;
  const alpha = names.alpha(module);
  return [
    { name: names.a(module), dtype, shape: shapeOfA(module, maxRank) },
    { name: names.b(module), dtype, shape: shapeOfB(module, maxRank) },
    ...(alpha === undefined ? [] : [{ name: alpha, dtype: alphaDtype, shape: [] }]),
  ];
}

function shapeOfA({ form, inFeatures }: OutputModule, rank: number): number[] {
  return form.kind === "conv" ? [rank, ...form.axes] : [rank, inFeatures];
}

function shapeOfB({ form, outFeatures }: OutputModule, rank: number): number[] {
  return form.kind === "conv" ? [outFeatures, rank, ...form.axes.slice(1).map(() => 1)] : [outFeatures, rank];
}

async function* pieces({ tensor, read }: OutputCopy): AsyncIterable<Uint8Array> {
  for (let offset = 0; offset < tensor.byteSize; offset += copyChunkBytes) {
    yield read(offset, Math.min(copyChunkBytes, tensor.byteSize - offset));
  }
}
