import type { LoadedTensors } from "./tensorDirectory";

export interface ModuleTotals {
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
  readonly dtypes: readonly { readonly dtype: string; readonly tensors: number }[];
}

/** What the tensors of a module add up to, whatever the filter hides of them. */
export function moduleTotals({ table, separator }: LoadedTensors, path: string): ModuleTotals {
  const prefix = `${path}${separator}`;
  const dtypes = new Map<string, number>();
  let tensors = 0;
  let parameters = 0;
  let bytes = 0;
  for (let row = 0; row < table.length; row++) {
    if (!table.name(row).startsWith(prefix)) continue;
    tensors++;
    parameters += table.parameters(row);
    bytes += table.byteSize(row);
    const dtype = table.dtype(row);
    dtypes.set(dtype, (dtypes.get(dtype) ?? 0) + 1);
  }
  return {
    tensors,
    parameters,
    bytes,
    dtypes: [...dtypes]
      .map(([dtype, count]) => ({ dtype, tensors: count }))
      .sort((a, b) => b.tensors - a.tensors),
  };
}
