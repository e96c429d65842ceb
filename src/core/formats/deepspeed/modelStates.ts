import type { Tensor } from "../../tensors/tensor";
import { BytesValue, type ContentValue, type MapValue } from "../contentValue";
import { mappingOf, numberOf, sequenceOf } from "../contentView";
import type { FileContent } from "../format";
import { sizesOf } from "../torch/rebuiltTensor";

/** Shapes of parameters by name, in the order in which the optimizer flattens them. */
export type ParameterShapes = ReadonlyMap<string, readonly number[]>;

/** What a `model_states.pt` of DeepSpeed holds (runtime/engine.py `_save_checkpoint`). */
export interface ModelStates {
  /** The weights in the dtype of training, by name; ZeRO-3 keeps empty stand-ins here. */
  readonly module: ReadonlyMap<string, Tensor>;
  /** Undefined where ZeRO is off. One map a group; a single one in versions before 0.3.16, whatever the groups. */
  readonly shapes: readonly ParameterShapes[] | undefined;
  readonly frozenShapes: ParameterShapes;
  readonly frozenFragments: ReadonlyMap<string, Tensor>;
  readonly buffers: ReadonlySet<string>;
  /** Names of parameters that were saved as another: alias → kept name. */
  readonly shared: ReadonlyMap<string, string>;
  readonly step: number | undefined;
  readonly worldSize: number | undefined;
  readonly modelWorldSize: number | undefined;
  /** Tensor-parallel ranks; the rest of the parts of the model are stages of a pipeline. Undefined where it is not said. */
  readonly tensorSize: number | undefined;
  readonly version: string | undefined;
  /** How tensors are split over the ranks of the model, where Megatron-DeepSpeed or AutoTP says so. */
  readonly splitRules: MapValue | undefined;
}

/** Undefined where the file holds no state of a model. */
export function readModelStates(content: FileContent): ModelStates | undefined {
  const root = mappingOf(content.root);
  if (root === undefined || !root.has("module")) return undefined;
  const lists = sequenceOf(root.get("param_shapes"));
  const single = mappingOf(root.get("param_shapes"));
  return {
    module: tensorsIn(root.get("module"), content),
    shapes: lists?.map((group) => shapesIn(group)) ?? (single === undefined ? undefined : [shapesIn(single)]),
    frozenShapes: shapesIn(root.get("frozen_param_shapes")),
    frozenFragments: tensorsIn(root.get("frozen_param_fragments"), content),
    buffers: new Set(sequenceOf(root.get("buffer_names"))?.flatMap((name) => nameOf(name) ?? []) ?? []),
    shared: sharedIn(root.get("shared_params")),
    step: numberOf(root.get("global_steps")),
    worldSize: numberOf(root.get("dp_world_size")),
    modelWorldSize: countOf(root.get("mp_world_size")),
    tensorSize: countOf(mappingOf(root.get("checkpoint_parallel_dimensions"))?.get("tp_degree")),
    version: nameOf(root.get("ds_version")),
    splitRules: mappingOf(root.get("universal_checkpoint_info")),
  };
}

/** Parts of a model: a whole number that some training may have had. */
function countOf(value: ContentValue | undefined): number | undefined {
  const count = numberOf(value);
  return count !== undefined && Number.isSafeInteger(count) && count > 0 && count <= 4096 ? count : undefined;
}

function nameOf(value: ContentValue | undefined): string | undefined {
  if (typeof value === "string") return value;
  // Python 2 wrote names as bytes.
  return value instanceof BytesValue && value.bytes !== undefined
    ? new TextDecoder().decode(value.bytes)
    : undefined;
}

/** The tensors of a state dict by their keys. */
export function tensorsIn(
  value: ContentValue | undefined,
  content: FileContent,
): ReadonlyMap<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [key, member] of mappingOf(value)?.entries() ?? []) {
    const tensor = content.tensors.get(member);
    const name = nameOf(key);
    if (tensor !== undefined && name !== undefined) tensors.set(name, tensor);
  }
  return tensors;
}

function shapesIn(value: ContentValue | undefined): ParameterShapes {
  const shapes = new Map<string, readonly number[]>();
  for (const [key, member] of mappingOf(value)?.entries() ?? []) {
    const name = nameOf(key);
    // A parameter of no axes: its size is an empty tuple, or the number of its elements.
    const shape = sizesOf(member) ?? (typeof member === "number" && member >= 0 ? [member] : undefined);
    if (name !== undefined && shape !== undefined) shapes.set(name, shape);
  }
  return shapes;
}

/** A dict, or in the first versions a list of pairs. */
function sharedIn(value: ContentValue | undefined): ReadonlyMap<string, string> {
  const dict = mappingOf(value);
  const pairs =
    dict === undefined
      ? (sequenceOf(value)?.map((pair) => sequenceOf(pair) ?? []) ?? [])
      : [...dict.entries()];
  return new Map(
    pairs.flatMap(([alias, kept]) =>
      typeof alias === "string" && typeof kept === "string" ? [[alias, kept] as const] : [],
    ),
  );
}
