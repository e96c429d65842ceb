import type { Tensor } from "../../tensors/tensor";
import { elementCount } from "../../tensors/tensor";
import { type ContentValue, ForeignValue, TupleValue } from "../contentValue";
import { attributesOf, mappingOf, numberOf, sequenceOf } from "../contentView";
import { argsOf } from "../pickle/pickleObjectView";
import { PyGlobal, PyObject } from "../pickle/pickleValue";
import { sizesOf } from "../torch/rebuiltTensor";

/** A box of a tensor, and the tensor of a rank's file that holds it. */
export interface LocalBox {
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
  readonly local: Tensor;
}

/** A tensor that a rank's file holds a part of. */
export interface ShardedValue {
  readonly shape: readonly number[];
  /** What this rank holds; several boxes, or none. */
  readonly boxes: readonly LocalBox[];
  /** Every box of the tensor that any rank holds, with that rank where it is told. */
  readonly all: readonly {
    readonly offsets: readonly number[];
    readonly sizes: readonly number[];
    readonly rank?: number;
  }[];
  /** Processes over which it is spread. */
  readonly worldSize: number;
  /** Why the parts do not make the tensor. A clause. */
  readonly fault?: string;
}

/** What a reader of a rank's file knows besides the value itself. */
export interface RankFacts {
  /** Undefined where nothing tells whose file it is. */
  readonly rank: number | undefined;
  readonly tensorOf: (value: ContentValue) => Tensor | undefined;
  /** Values of a small tensor of whole numbers: the ranks of a mesh. */
  readonly numbersOf: (tensor: Tensor) => readonly number[] | undefined;
}

/** A mesh of this many processes is larger than any cluster. */
const maxMesh = 1_000_000;

/** Undefined for what is no part of a larger tensor. */
export function shardedValue(value: ContentValue, facts: RankFacts): ShardedValue | undefined {
  if (!(value instanceof PyObject)) return undefined;
  // A parameter of a part is the part.
  const [inner] = value.name.startsWith("_rebuild_parameter") ? argsOf(value) : [];
  if (inner !== undefined && inner !== value) return shardedValue(inner, facts);
  if (value.name.startsWith("_rebuild_from_type")) {
    const [, type, , state] = argsOf(value);
    const isDTensor = type instanceof PyGlobal && type.name === "DTensor" && type.module.startsWith("torch.");
    return isDTensor ? dTensor(state, facts) : undefined;
  }
  return value.name === "ShardedTensor" && value.module.startsWith("torch.")
    ? shardedTensor(value, facts)
    : undefined;
}

// ---- DTensor: a local part, a mesh of processes, and how the tensor is placed on it.

interface Mesh {
  readonly shape: readonly number[];
  /** Where this rank stands on each axis. */
  readonly coordinate: readonly number[] | undefined;
  /** Ranks in row-major order of the mesh; undefined where they could not be read. */
  readonly ranks: readonly number[] | undefined;
}

function dTensor(state: ContentValue | undefined, facts: RankFacts): ShardedValue | undefined {
  // Attributes, or the pair of those and of slots.
  const pair = sequenceOf(state) ?? [state];
  const fields = pair.map((each) => mappingOf(each)).find((each) => each?.has("_local_tensor") === true);
  const localObject = fields?.get("_local_tensor");
  const local = localObject === undefined ? undefined : facts.tensorOf(localObject);
  const spec = attributesOf(fields?.get("_spec"));
  const shape = sizesOf(shapeField(spec?.get("tensor_meta")));
  const placements = sequenceOf(spec?.get("placements"))?.map(placementOf);
  if (local === undefined || spec === undefined || shape === undefined || placements === undefined)
    return undefined;
  const mesh = meshOf(spec.get("mesh"), facts);
  if (mesh === undefined || mesh.shape.length !== placements.length) {
    return broken(shape, "the mesh of processes that it is spread over is not told");
  }
  const worldSize = elementCount(mesh.shape);
  if (worldSize > maxMesh) return broken(shape, "it is spread over more processes than there can be");
  const unknown = placements.find(({ kind }) => kind === "unknown");
  if (unknown !== undefined) return broken(shape, `it is placed as ${unknown.name}, which is not read here`);
  if (placements.some(({ kind }) => kind === "partial")) {
    return broken(shape, "each process holds a part of a sum (Partial), not of the tensor");
  }
  const unlike = placements.findIndex((_, at) => !fitsItsMesh(placements, mesh.shape, at));
  if (unlike >= 0) {
    const factor = placements[unlike]?.splitFactor ?? 0;
    return broken(shape, `it is placed in strides of ${factor}, which is not how its mesh is cut`);
  }
  const order = shardOrder(spec.get("shard_order"), placements);
  const boxAt = (coordinate: readonly number[]) => boxOf(shape, mesh.shape, placements, order, coordinate);
  const all = [];
  for (let at = 0; at < worldSize; at++) {
    const rank = mesh.ranks === undefined ? at : (mesh.ranks[at] as number);
    all.push({ ...boxAt(unravel(at, mesh.shape)), rank });
  }
  if (mesh.coordinate === undefined)
    return { ...broken(shape, "where this process stands in the mesh is not told"), all, worldSize };
  const own = boxAt(mesh.coordinate);
  if (!own.sizes.every((size, axis) => size === local.shape[axis]) || local.shape.length !== shape.length) {
    const fault = `${holder(facts)} holds [${local.shape.join(", ")}] where its place in the mesh gives [${own.sizes.join(", ")}]`;
    return { shape, boxes: [], all, worldSize, fault };
  }
  return { shape, boxes: [{ ...own, local }], all, worldSize };
}

function holder({ rank }: RankFacts): string {
  return rank === undefined ? "the process" : `rank ${rank}`;
}

function broken(shape: readonly number[], fault: string): ShardedValue {
  return { shape, boxes: [], all: [], worldSize: 0, fault };
}

/** `TensorMeta` is a named tuple: (shape, stride, dtype), made by a call. */
function shapeField(meta: ContentValue | undefined): ContentValue | undefined {
  const named = attributesOf(meta)?.get("shape");
  if (named !== undefined) return named;
  if (meta instanceof PyObject) return argsOf(meta)[0] ?? sequenceOf(meta)?.[0];
  return sequenceOf(meta)?.[0];
}

interface Placement {
  readonly kind: "shard" | "strided" | "replicate" | "partial" | "unknown";
  readonly axis: number;
  readonly name: string;
  /** Of a strided shard: the parts that those to its right cut the same axis into. */
  readonly splitFactor?: number;
}

function placementOf(value: ContentValue): Placement {
  const name = value instanceof PyObject ? value.name : "?";
  const first = value instanceof PyObject ? argsOf(value)[0] : undefined;
  const dim = attributesOf(value)?.get("dim") ?? first;
  const axis = typeof dim === "number" && Number.isInteger(dim) ? dim : -1;
  if (name === "Replicate") return { kind: "replicate", axis: -1, name };
  if (name === "Partial" || name === "_Partial") return { kind: "partial", axis: -1, name };
  if (name === "Shard" && axis >= 0) return { kind: "shard", axis, name };
  if (name === "_StridedShard" && axis >= 0) {
    const factor = numberOf(attributesOf(value)?.get("split_factor"));
    return { kind: "strided", axis, name, ...(factor === undefined ? {} : { splitFactor: factor }) };
  }
  return { kind: "unknown", axis: -1, name };
}

/** A strided shard is one range of rows where its factor is what the shards to its right make; else it is several. */
function fitsItsMesh(placements: readonly Placement[], mesh: readonly number[], at: number): boolean {
  const { splitFactor, axis } = placements[at] as Placement;
  if (splitFactor === undefined) return true;
  const right = placements.reduce(
    (product, other, place) =>
      place > at && other.axis === axis ? product * (mesh[place] as number) : product,
    1,
  );
  return right === splitFactor;
}

/**
 * The order in which the axes of the mesh cut the tensor: from left to right, unless the spec tells another, or a
 * strided shard does, which is cut after those to its right (FSDP over tensor parallelism).
 */
function shardOrder(told: ContentValue | undefined, placements: readonly Placement[]): readonly number[] {
  const axes = placements.flatMap(({ kind }, at) => (kind === "shard" || kind === "strided" ? [at] : []));
  const isStrided = new Set(placements.flatMap(({ kind, axis }) => (kind === "strided" ? [axis] : [])));
  const byStride = axes.toSorted((a, b) => {
    const [left, right] = [placements[a] as Placement, placements[b] as Placement];
    return left.axis === right.axis && isStrided.has(left.axis) ? b - a : a - b;
  });
  if (isStrided.size > 0) return byStride;
  const listed: number[] = [];
  for (const entry of sequenceOf(told) ?? []) {
    const parts = entry instanceof PyObject ? argsOf(entry) : (sequenceOf(entry) ?? []);
    const fields = attributesOf(entry);
    const meshDims = sequenceOf(fields?.get("mesh_dims") ?? parts[1]) ?? [];
    for (const dim of meshDims) if (typeof dim === "number" && axes.includes(dim)) listed.push(dim);
  }
  return listed.length === axes.length && new Set(listed).size === axes.length ? listed : axes;
}

/** As torch.chunk cuts: pieces of equal size, of which the last are shorter or empty. */
function boxOf(
  shape: readonly number[],
  mesh: readonly number[],
  placements: readonly Placement[],
  order: readonly number[],
  coordinate: readonly number[],
): { readonly offsets: readonly number[]; readonly sizes: readonly number[] } {
  const offsets = shape.map(() => 0);
  const sizes = [...shape];
  for (const meshAxis of order) {
    const { axis } = placements[meshAxis] as Placement;
    const size = sizes[axis];
    if (size === undefined) continue;
    const chunk = Math.ceil(size / (mesh[meshAxis] as number));
    const start = Math.min(size, (coordinate[meshAxis] as number) * chunk);
    const end = Math.min(size, start + chunk);
    offsets[axis] = (offsets[axis] as number) + start;
    sizes[axis] = end - start;
  }
  return { offsets, sizes };
}

function unravel(at: number, shape: readonly number[]): number[] {
  const coordinate = new Array<number>(shape.length);
  let rest = at;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number;
    coordinate[axis] = rest % size;
    rest = Math.floor(rest / size);
  }
  return coordinate;
}

/** Up to torch 2.9 a tensor of ranks (`mesh`), later a layout of it and the ranks in a row (`_rank_map`). */
function meshOf(value: ContentValue | undefined, { rank, tensorOf, numbersOf }: RankFacts): Mesh | undefined {
  const fields = value instanceof ForeignValue ? (attributesOf(value) ?? mappingOf(value)) : undefined;
  if (fields === undefined) return undefined;
  const tensor = [fields.get("mesh"), fields.get("_mesh")].flatMap((each) =>
    each === undefined ? [] : (tensorOf(each) ?? []),
  )[0];
  const shape = tensor?.shape ?? layoutShape(fields.get("_layout"));
  if (shape === undefined || shape.length === 0 || shape.some((size) => size < 1)) return undefined;
  const count = elementCount(shape);
  const map = fields.get("_rank_map");
  const ranksTensor = tensor ?? (map === undefined ? undefined : tensorOf(map));
  const listed = ranksTensor === undefined || count > maxMesh ? undefined : numbersOf(ranksTensor);
  const ranks = listed?.length === count ? listed : undefined;
  const told = sequenceOf(fields.get("_coordinate_on_dim"));
  const isCoordinate =
    told?.length === shape.length &&
    told.every((at, axis) => typeof at === "number" && at >= 0 && at < (shape[axis] as number));
  const place = rank === undefined ? -1 : (ranks?.indexOf(rank) ?? -1);
  const coordinate = isCoordinate
    ? (told as readonly number[])
    : place >= 0
      ? unravel(place, shape)
      : undefined;
  return { shape, coordinate, ranks };
}

/** `_MeshLayout` of several `_FlatLayout`, each the shape of an axis; older ones hold `shape` themselves. */
function layoutShape(value: ContentValue | undefined): readonly number[] | undefined {
  const fields = attributesOf(value);
  const axes = sequenceOf(fields?.get("axes"));
  const sizes = axes?.map((axis) => sizesOf(attributesOf(axis)?.get("shape")));
  if (sizes?.every((each) => each !== undefined) === true)
    return sizes.map((each) => elementCount(each ?? []));
  return sizesOf(fields?.get("shape"));
}

// ---- ShardedTensor: boxes are written down.

function shardedTensor(value: PyObject, facts: RankFacts): ShardedValue | undefined {
  const { state } = value;
  const fields = attributesOf(value);
  const parts = state instanceof TupleValue ? state.items : [];
  const shards = sequenceOf(fields?.get("_local_shards") ?? parts[0]);
  const metadata = attributesOf(fields?.get("_metadata") ?? parts[1]);
  const shape = sizesOf(metadata?.get("size"));
  if (shards === undefined || shape === undefined) return undefined;
  const boxes: LocalBox[] = [];
  let fault: string | undefined;
  for (const shard of shards) {
    const own = attributesOf(shard);
    const tensor = own?.get("tensor");
    const local = tensor === undefined ? undefined : facts.tensorOf(tensor);
    const box = shardBox(own?.get("metadata"));
    if (local === undefined || box === undefined) fault = "a shard of it does not say where it lies";
    else if (elementCount(box.sizes) !== elementCount(local.shape)) {
      fault = `${holder(facts)} holds [${local.shape.join(", ")}] where its shard should have [${box.sizes.join(", ")}]`;
    } else boxes.push({ offsets: box.offsets, sizes: box.sizes, local });
  }
  const all = (sequenceOf(metadata?.get("shards_metadata")) ?? []).flatMap((each) => shardBox(each) ?? []);
  const worldSize = all.reduce((most, { rank }) => Math.max(most, (rank ?? 0) + 1), all.length);
  return { shape, boxes, all, worldSize, ...(fault === undefined ? {} : { fault }) };
}

function shardBox(value: ContentValue | undefined) {
  const fields = attributesOf(value);
  const offsets = sizesOf(fields?.get("shard_offsets"));
  const sizes = sizesOf(fields?.get("shard_sizes"));
  if (offsets === undefined || sizes === undefined) return undefined;
  const rank = placedRank(fields?.get("placement"));
  return { offsets, sizes, ...(rank === undefined ? {} : { rank }) };
}

/** `rank:1/cuda:1`, as text or in a `_remote_device`. */
function placedRank(value: ContentValue | undefined): number | undefined {
  if (value instanceof PyObject) {
    const own = attributesOf(value)?.get("_rank");
    if (typeof own === "number") return own;
    return placedRank(argsOf(value)[0]);
  }
  const rank = typeof value === "string" ? /^rank:(\d{1,7})\b/.exec(value)?.[1] : undefined;
  return rank === undefined ? undefined : Number(rank);
}
