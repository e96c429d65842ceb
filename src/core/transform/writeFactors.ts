import type { FileWriter } from "../bytes/fileSink";
import { SafetensorsWriter, type WrittenTensor } from "../formats/safetensors/write";
import { type Matrix, transpose } from "../linalg/matrix";
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

interface WrittenFactors {
  readonly written: readonly WrittenModule[];
  readonly tensors: readonly WrittenTensor[];
  /** Of the file. */
  readonly bytes: number;
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
): Promise<WrittenFactors> {
  const plan = [
    ...output.modules.flatMap((module) => plannedTensors(module, names)),
    ...output.copies.map(({ name, tensor: { dtype, shape } }) => ({ name, dtype, shape })),
  ];
  const writer = new SafetensorsWriter(file, plan, output.metadata);
  const written: WrittenModule[] = [];
  try {
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
  } finally {
    await file.close();
  }
  return { written, tensors: writer.written, bytes: writer.byteLength };
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
  const probe = probeOf(a, b, scale);
  const { exchanged } = module;
  const diagonal = module.names?.diagonal;
  const values = diagonal === undefined ? undefined : takeLengths(a, b);
  const matrices = [exchanged?.a === true ? transpose(a) : a, exchanged?.b === true ? transpose(b) : b];
  const [first, second] = matrices.map(({ data }) => encodeValues(data, module.dtype)) as [
    Uint8Array,
    Uint8Array,
  ];
  await writer.add(names.a(module), shapeOfA(module, rank), first);
  await writer.add(names.b(module), shapeOfB(module, rank), second);
  if (diagonal !== undefined && values !== undefined)
    await writer.add(diagonal, [rank], encodeValues(values, module.dtype));
  const alpha = names.alpha(module);
  if (alpha !== undefined) {
    await writer.add(alpha, [], encodeValues(Float64Array.of(scale * rank), alphaDtype));
  }
  return { module: module.module, rank, scale, norm, probe };
}

/** Brings the rows of A and the columns of B to length 1; the products of their lengths are the singular values. */
function takeLengths(a: Matrix, b: Matrix): Float64Array {
  return Float64Array.from({ length: a.rows }, (_, k) => {
    const row = a.data.subarray(k * a.cols, (k + 1) * a.cols);
    const lengthOfA = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    let square = 0;
    for (let i = 0; i < b.rows; i++) square += (b.data[i * b.cols + k] as number) ** 2;
    const lengthOfB = Math.sqrt(square);
    if (lengthOfA > 0) for (let j = 0; j < row.length; j++) row[j] = (row[j] as number) / lengthOfA;
    for (let i = 0; i < b.rows && lengthOfB > 0; i++)
      b.data[i * b.cols + k] = (b.data[i * b.cols + k] as number) / lengthOfB;
    return lengthOfA * lengthOfB;
  });
}

function plannedTensors(module: OutputModule, names: FactorNames) {
  const { dtype, maxRank } = module;
  const alpha = names.alpha(module);
  const diagonal = module.names?.diagonal;
  return [
    { name: names.a(module), dtype, shape: shapeOfA(module, maxRank) },
    { name: names.b(module), dtype, shape: shapeOfB(module, maxRank) },
    ...(diagonal === undefined ? [] : [{ name: diagonal, dtype, shape: [maxRank] }]),
    ...(alpha === undefined ? [] : [{ name: alpha, dtype: alphaDtype, shape: [] }]),
  ];
}

function shapeOfA({ form, inFeatures, exchanged }: OutputModule, rank: number): number[] {
  if (exchanged?.a === true) return [inFeatures, rank];
  return form.kind === "conv" ? [rank, ...form.axes] : [rank, inFeatures];
}

function shapeOfB({ form, outFeatures, exchanged }: OutputModule, rank: number): number[] {
  if (exchanged?.b === true) return [rank, outFeatures];
  return form.kind === "conv" ? [outFeatures, rank, ...form.axes.slice(1).map(() => 1)] : [outFeatures, rank];
}

async function* pieces({ tensor, read }: OutputCopy): AsyncIterable<Uint8Array> {
  for (let offset = 0; offset < tensor.byteSize; offset += copyChunkBytes) {
    yield read(offset, Math.min(copyChunkBytes, tensor.byteSize - offset));
  }
}
