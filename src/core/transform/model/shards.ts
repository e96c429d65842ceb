import { dtypeBits } from "../../tensors/dtype";
import { elementCount } from "../../tensors/tensor";
import type { OutputTensor } from "./modelOutput";

/** A file of weights with its tensors. */
export interface ModelShard {
  readonly file: string;
  readonly tensors: readonly OutputTensor[];
}

export function byteSizeOf({ dtype, shape }: Pick<OutputTensor, "dtype" | "shape">): number {
  return Math.ceil((elementCount(shape) * (dtypeBits.get(dtype) ?? 0)) / 8);
}

/**
 * Cuts a model into files of at most `maxBytes`, in the order of its tensors; one larger than that has a file of its
 * own. Names are those that transformers writes: model.safetensors, or model-00001-of-00003.safetensors.
 */
export function shardsOf(
  tensors: readonly OutputTensor[],
  maxBytes: number,
  stem: string,
): readonly ModelShard[] {
  const groups: OutputTensor[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const tensor of tensors) {
    const size = byteSizeOf(tensor);
    if (bytes + size > maxBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(tensor);
    bytes += size;
  }
  const [only] = groups;
  if (groups.length <= 1) return [{ file: `${stem}.safetensors`, tensors: only ?? [] }];
  const number = (value: number) => String(value).padStart(5, "0");
  return groups.map((group, at) => ({
    file: `${stem}-${number(at + 1)}-of-${number(groups.length)}.safetensors`,
    tensors: group,
  }));
}

export function indexNameOf(stem: string): string {
  return `${stem}.safetensors.index.json`;
}

/** The index beside shards, as transformers reads it. */
export function indexText(shards: readonly ModelShard[]): string {
  const tensors = shards.flatMap((shard) => shard.tensors.map((tensor) => ({ tensor, file: shard.file })));
  const total = tensors.reduce((sum, { tensor }) => sum + byteSizeOf(tensor), 0);
  const names = tensors
    .map(({ tensor, file }) => [tensor.name, file] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, file]) => `    ${JSON.stringify(name)}: ${JSON.stringify(file)}`);
  // Text by text, because names such as `__proto__` and `10` must stay keys.
  return `{\n  "metadata": {\n    "total_size": ${total}\n  },\n  "weight_map": {\n${names.join(",\n")}\n  }\n}\n`;
}
