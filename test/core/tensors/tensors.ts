import { inNameOrder } from "../../../src/core/tensors/nameOrder";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { encodeTensorChunk, TensorTable } from "../../../src/core/tensors/tensorTable";

/** A tensor of which only the name matters, unless more is said. */
export function tensor(name: string, extra: Partial<Tensor> = {}): Tensor {
  return { name, dtype: "F32", shape: [2, 3], byteSize: 24, offset: 0, fileIndex: 0, ...extra };
}

/** The table as it arrives in a webview, chunk by chunk. */
export function tableOf(tensors: readonly Tensor[]): TensorTable {
  const table = new TensorTable();
  do table.append(encodeTensorChunk(tensors, table.length));
  while (table.length < tensors.length);
  return table;
}

export function tableOfNames(names: readonly string[]): TensorTable {
  return tableOf(inNameOrder(names.map((name) => tensor(name))));
}

export function allRows(table: TensorTable): Uint32Array {
  return Uint32Array.from({ length: table.length }, (_, row) => row);
}
