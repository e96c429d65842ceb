import { openCheckpoint } from "../../src/core/checkpoint/openCheckpoint";
import { inNameOrder, separatorOf } from "../../src/core/tensors/nameOrder";
import type { Tensor } from "../../src/core/tensors/tensor";
import { filterTensors, sortTensors, type TensorSortKey } from "../../src/core/tensors/tensorQuery";
import { encodeTensorChunk, type TensorChunk, TensorTable } from "../../src/core/tensors/tensorTable";
import { TensorTree } from "../../src/core/tensors/tensorTree";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { compareTimes, type Timing, type Work } from "./measure";

export interface TableTiming extends Timing {
  readonly what: string;
  readonly reference: string;
  /** Done once, when a file is opened, and not in the page. */
  readonly inWorker: boolean;
}

/** What the tensor table does with a model of 89,088 tensors, against the plainest code for a like task. */
export async function measureTable(indexPath: string, rounds: number): Promise<TableTiming[]> {
  const { tensors } = await openCheckpoint(nodeFiles, indexPath);
  const results: TableTiming[] = [];
  const measure = async (what: string, ours: Work, reference: string, plain: Work, inWorker = false) => {
    results.push({ what, reference, inWorker, ...(await compareTimes(ours, plain, rounds)) });
  };

  const shuffled = [...tensors].sort((a, b) => hash(a.name) - hash(b.name));
  const names = shuffled.map(({ name }) => name);
  const inFiles = [...tensors].sort((a, b) => a.fileIndex - b.fileIndex || a.offset - b.offset);
  const namesInFiles = inFiles.map(({ name }) => name);
  const plainInFiles = () => [...namesInFiles].sort();
  await measure("order names, as in files", () => inNameOrder(inFiles), "names.sort", plainInFiles, true);
  const plainShuffled = () => [...names].sort();
  await measure("order names, shuffled", () => inNameOrder(shuffled), "names.sort", plainShuffled, true);

  const rowsText = JSON.stringify(tensors);
  const stringify = () => JSON.stringify(tensors);
  await measure("pack all chunks", () => pack(tensors), "JSON.stringify", stringify, true);
  const chunks = pack(tensors);
  await measure(
    "unpack all chunks",
    () => unpack(chunks),
    "JSON.parse",
    () => JSON.parse(rowsText),
  );

  const table = unpack(chunks);
  const all = Uint32Array.from({ length: table.length }, (_, row) => row);
  const find = (text: string, regex: boolean) => filterTensors(table, { text, regex, dtypes: new Set() });
  const plainFilter = () => names.filter((name) => name.includes("down"));
  await measure("filter keystroke, words", () => find("layers.3 down", false), "names.filter", plainFilter);
  await measure(
    "filter keystroke, regex",
    () => find("\\.3\\d?\\..*down", true),
    "names.filter",
    plainFilter,
  );
  for (const key of ["byteSize", "dtype", "shape", "offset"] as const satisfies readonly TensorSortKey[]) {
    const numbers = tensors.map(({ byteSize }) => byteSize);
    await measure(
      `sort rows by ${key}`,
      () => sortTensors(table, all, { key, descending: true }),
      "numbers.sort",
      () => [...numbers].sort((a, b) => a - b),
    );
  }

  const separator = separatorOf(names);
  await measure(
    "tree, collapsed",
    () => new TensorTree(table, all, separator).visibleNodes(() => false),
    "names.map",
    () => names.map((name) => name.split(".")),
  );
  await measure(
    "tree, all open",
    () => new TensorTree(table, all, separator).visibleNodes(() => true),
    "names.map",
    () => names.map((name) => name.split(".")),
  );
  return results;
}

/** An order that has nothing to do with the names' own, and is the same in every run. */
function hash(text: string): number {
  let value = 0;
  for (let at = 0; at < text.length; at++) value = (value * 31 + text.charCodeAt(at)) | 0;
  return value;
}

function pack(tensors: readonly Tensor[]): TensorChunk[] {
  const chunks: TensorChunk[] = [];
  for (let first = 0; first < tensors.length; ) {
    const chunk = encodeTensorChunk(tensors, first);
    chunks.push(chunk);
    first += chunk.offsets.length;
  }
  return chunks;
}

function unpack(chunks: readonly TensorChunk[]): TensorTable {
  const table = new TensorTable();
  for (const chunk of chunks) table.append(chunk);
  return table;
}
