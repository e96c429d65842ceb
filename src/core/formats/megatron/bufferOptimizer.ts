import { joinedTensor } from "../../tensors/joinedTensor";
import { pieceOfTensor } from "../../tensors/pieceOfTensor";
import { elementCount, type Tensor } from "../../tensors/tensor";
import type { MapValue } from "../contentValue";
import { mappingOf, membersOf, numberOf, sequenceOf } from "../contentView";
import type { FileContent } from "../format";
import type { ModelChunk } from "./rankModel";
import {
  groupMembers,
  isExpertName,
  type ParameterState,
  parametersOf,
  type RankOptimizer,
  type RankParameter,
  savedGroups,
} from "./rankOptimizer";

/** Parameters begin at multiples of so many elements of their bucket. */
const alignments = [64, 1] as const;
const keys = [
  ["param", "fp32_param"],
  ["exp_avg", "exp_avg"],
  ["exp_avg_sq", "exp_avg_sq"],
] as const;

/**
 * Names the state of Megatron's distributed optimizer, which `distrib_optim.pt` keeps in flat buffers: parameters lie in
 * them from the last to the first (megatron/core/distributed/param_and_grad_buffer.py). A clause that says why not where
 * the length of a buffer is not what the parameters make.
 * @param fileIndex of `distrib_optim.pt`
 */
export function bufferOptimizer(
  content: FileContent,
  fileIndex: number,
  chunks: readonly ModelChunk[],
  model: FileContent,
  isFirstStage: boolean,
): RankOptimizer | string {
  const states = (sequenceOf(content.root) ?? [content.root]).flatMap((each) => mappingOf(each) ?? []);
  if (states.some((each) => each.get("buckets_coalesced") !== true))
    return "its buffers are in the parts of an older version";
  const buffers = states.map(buffersOf);
  const parameters = parametersOf(chunks);
  if (new Set(parameters.map(({ tensor }) => tensor.dtype)).size > 1)
    return "the model has parameters of several dtypes, each with buffers of its own";
  // With experts of several ranks there are two optimizers: the second is that of the experts.
  const parts = states.length === 1 ? [() => true] : [(own: boolean) => !own, (own: boolean) => own];
  if (states.length > parts.length) return "it has more optimizers than are known";
  const groups = savedGroups(model).map(({ settings }) => settings);
  const groupOf = new Map(
    (groupMembers(groups, parameters) ?? []).flatMap((own, group) =>
      own.map((each) => [each, group] as const),
    ),
  );
  const named = chunks.map(() => new Map<string, ParameterState>());
  for (const [part, take] of parts.entries()) {
    const byChunk = chunks.map((): RankParameter[] => []);
    for (const each of parameters) if (take(isExpertName(each.name))) byChunk[each.chunk]?.push(each);
    const filled = byChunk.filter((own) => own.length > 0);
    if (filled.length !== buffers[part]?.length)
      return "the number of its buffers is not that of the model's parts";
    for (const [at, own] of filled.entries()) {
      const buffer = buffers[part][at] as MapValue;
      const flats = keys.flatMap(([saved, key]) => {
        const flat = content.tensors.get(buffer.get(saved) ?? null);
        return flat === undefined || flat.shape.length !== 1 ? [] : [{ key, flat }];
      });
      const [length, ...others] = new Set(flats.map(({ flat }) => flat.shape[0] as number));
      if (length === undefined || others.length > 0) return "its buffers are not of one length";
      // Only the first chunk of the first stage is cut into buckets.
      const bucket = isFirstStage && own[0]?.chunk === 0 ? bucketSize(model) : undefined;
      const places = placesIn(own, length, bucket);
      if (places === undefined) return "the length of its buffers is not what the parameters make";
      for (const parameter of own) {
        const { chunk, name, tensor } = parameter;
        const start = places.get(name) as number;
        const moments = flats.map(
          ({ key, flat }) => [key, viewOf(flat, fileIndex, tensor.shape, start)] as const,
        );
        named[chunk]?.set(name, {
          moments: new Map(moments),
          group: groupOf.get(parameter) ?? 0,
        });
      }
    }
  }
  return { chunks: named, groups, scalars: new Map() };
}

/** By number, the buffer of its only dtype. */
function buffersOf(state: MapValue): readonly MapValue[] {
  return [...state.entries()]
    .flatMap(([number, byDtype]) => (typeof number === "number" ? [{ number, byDtype }] : []))
    .sort((a, b) => a.number - b.number)
    .flatMap(({ byDtype }) => mappingOf(byDtype)?.values.flatMap((buffer) => mappingOf(buffer) ?? []) ?? []);
}

/** Elements that fill a bucket; undefined where all is one (megatron/core/distributed/distributed_data_parallel.py). */
function bucketSize({ root }: FileContent): number | undefined {
  const args = membersOf(mappingOf(root)?.get("args"));
  if (args?.get("overlap_grad_reduce") !== true) return undefined;
  const processes = numberOf(args.get("data_parallel_size")) ?? 1;
  return numberOf(args.get("ddp_bucket_size")) ?? Math.max(40_000_000, 1_000_000 * processes);
}

/** First elements by name. Undefined where no known way to lay them out makes a buffer of the length. */
function placesIn(
  own: readonly RankParameter[],
  length: number,
  bucket: number | undefined,
): ReadonlyMap<string, number> | undefined {
  for (const alignment of alignments) {
    const places = new Map<string, number>();
    let first = 0;
    let at = 0;
    for (const { name, tensor } of own.toReversed()) {
      at = Math.ceil(at / alignment) * alignment;
      places.set(name, first + at);
      at += elementCount(tensor.shape);
      if (bucket === undefined || at < bucket) continue;
      first += at;
      at = 0;
    }
    if (first + at === length) return places;
  }
  return undefined;
}

function viewOf(flat: Tensor, fileIndex: number, shape: readonly number[], start: number): Tensor {
  const count = elementCount(shape);
  const place = { kind: "flat" as const, first: 0, count };
  return joinedTensor(
    flat.name,
    flat.dtype,
    shape,
    count === 0 ? [] : [pieceOfTensor(flat, fileIndex, place, start)],
  );
}
