import { FileRegion } from "../../bytes/byteRegion";
import type { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";
import { assemble } from "../../tensors/assembly";
import { elementBytesOf } from "../../tensors/dtype";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { notConvertible } from "./notConvertible";

/** How a mixture keeps the experts of a layer: all in one tensor, as transformers does since version 5, or each by itself. */
export type ExpertLayout = "fused" | "single";

/** A tensor under the name that it is written with. */
export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
}

const fusedName = /^(.*\.experts)\.(gate_up_proj|down_proj)$/;
const besideFused = /^(.*\.experts)\.(?!(?:gate_up_proj|down_proj)$)/;
const singleName = /^(.*\.experts)\.(\d+)\.(.+)$/;
const ofExpert = ["gate_proj", "up_proj", "down_proj"] as const;
/** What Mixtral called them before version 5, and the module that they are in. */
const mixtralNames = ["w1", "w3", "w2"] as const;
const [mixtralModule, module] = [".block_sparse_moe.", ".mlp."];

/**
 * The tensors with the experts of every layer as they are asked for; no value is another one.
 * @throws CheckpointError `NotConvertible` where there are none, or they lie in a way of their own.
 */
export function withExperts(
  session: CheckpointSession,
  tensors: readonly NamedTensor[],
  layout: ExpertLayout,
): readonly NamedTensor[] {
  const refuse = (message: string) => notConvertible(session, message);
  const own = session.folder.config?.value.get("model_type");
  const changed =
    layout === "fused"
      ? fuse(tensors, refuse).map(({ name, tensor }) => ({
          name: name.replace(mixtralModule, module),
          tensor,
        }))
      : split(tensors, own === "mixtral", refuse);
  if (changed.length === tensors.length)
    throw refuse(`It has no experts that could be ${layout === "fused" ? "put together" : "cut apart"}.`);
  return changed;
}

type Refuse = (message: string) => CheckpointError;

function split(tensors: readonly NamedTensor[], isMixtral: boolean, refuse: Refuse): readonly NamedTensor[] {
  const shapes = new Map(tensors.map(({ name, tensor }) => [name, tensor.shape]));
  // Scales of codes, and biases, which stand where gate and up are kept in turns.
  const beside = tensors.find(({ name }) => {
    const path = besideFused.exec(name)?.[1];
    return path !== undefined && shapes.has(`${path}.gate_up_proj`);
  });
  if (beside !== undefined)
    throw refuse(`${beside.name} belongs to fused experts and has no place among single ones.`);
  const names = isMixtral ? mixtralNames : ofExpert;
  const placed = (path: string) => (isMixtral ? path.replace(module, mixtralModule) : path);
  return tensors.flatMap((named) => {
    const { name, tensor } = named;
    const [, path = "", kind] = fusedName.exec(name) ?? [];
    if (kind === undefined) return [{ name: isMixtral ? placed(name) : name, tensor }];
    const [experts = 0, rows = 0, columns = 0] = tensor.shape;
    const [, outer, middle] = shapes.get(`${path}.gate_up_proj`) ?? [];
    const [, hidden, inner] = shapes.get(`${path}.down_proj`) ?? [];
    const isUsual = inner !== undefined && outer === 2 * inner && middle === hidden;
    if (tensor.shape.length !== 3 || !isUsual)
      throw refuse(`The experts of ${name} lie in an order of their own, for which there is no rule here.`);
    refuseElsewhere(named, refuse);
    const parts = kind === "down_proj" ? names.slice(2) : names.slice(0, 2);
    const shape = [rows / parts.length, columns];
    const byteSize = tensor.byteSize / (experts * parts.length);
    return Array.from({ length: experts * parts.length }, (_, at) => ({
      name: `${placed(path)}.${Math.floor(at / parts.length)}.${parts[at % parts.length]}.weight`,
      tensor: { ...tensor, shape, byteSize, offset: tensor.offset + at * byteSize },
    }));
  });
}

function fuse(tensors: readonly NamedTensor[], refuse: Refuse): readonly NamedTensor[] {
  const layers = new Map<string, Map<string, NamedTensor>>();
  for (const named of tensors) {
    const [, path, expert = "", part = ""] = singleName.exec(named.name) ?? [];
    if (path === undefined) continue;
    const kind = ofExpert.find((each, at) => [`${each}.weight`, `${mixtralNames[at]}.weight`].includes(part));
    if (kind === undefined)
      throw refuse(`${named.name} is a part of an expert that has no place in a fused tensor.`);
    const layer = layers.get(path) ?? new Map<string, NamedTensor>();
    layers.set(path, layer.set(`${Number(expert)}.${kind}`, named));
  }
  const written = new Set<string>();
  return tensors.flatMap((named) => {
    const path = singleName.exec(named.name)?.[1];
    if (path === undefined) return [named];
    if (written.has(path)) return [];
    written.add(path);
    const layer = layers.get(path) as Map<string, NamedTensor>;
    const count = layer.size / ofExpert.length;
    const all = (kinds: readonly string[]) =>
      Array.from({ length: count }, (_, expert) =>
        kinds.map((kind) => layer.get(`${expert}.${kind}`)),
      ).flat();
    return [
      joined(`${path}.gate_up_proj`, all(["gate_proj", "up_proj"]), count, refuse),
      joined(`${path}.down_proj`, all(["down_proj"]), count, refuse),
    ];
  });
}

/** Matrices of one shape behind each other. */
function joined(
  name: string,
  parts: readonly (NamedTensor | undefined)[],
  count: number,
  refuse: Refuse,
): NamedTensor {
  const [first] = parts;
  const { dtype, shape: each, offset, fileIndex, byteSize } = first?.tensor ?? ({} as Partial<Tensor>);
  if (first === undefined || dtype === undefined || each?.length !== 2 || !Number.isInteger(count))
    throw refuse(`${name} would have no whole number of experts.`);
  const [rows = 0, columns = 0] = each;
  const shape = [count, (rows * parts.length) / count, columns];
  const pieces = parts.map((part, at) => {
    if (part === undefined || part.tensor.dtype !== dtype || part.tensor.shape.join() !== each.join())
      throw refuse(`${name} would be made of experts of which one is missing, or unlike the first.`);
    refuseElsewhere(part, refuse);
    const place = { kind: "flat" as const, first: at * rows * columns, count: elementCount(each) };
    const region = new FileRegion(part.tensor.offset, part.tensor.byteSize);
    return { place, fileIndex: part.tensor.fileIndex, region, start: 0 };
  });
  const tensor = { name, dtype, shape, byteSize: parts.length * (byteSize ?? 0) };
  return {
    name,
    tensor: { ...tensor, offset: offset ?? 0, fileIndex: fileIndex ?? 0, assembly: assemble(shape, pieces) },
  };
}

function refuseElsewhere({ name, tensor }: NamedTensor, refuse: Refuse): void {
  const isPlain = tensor.layout === undefined && tensor.assembly === undefined && tensor.packed === undefined;
  if (isPlain && elementBytesOf(tensor.dtype) !== undefined) return;
  throw refuse(
    `${name} does not lie in its file as it is: convert to safetensors first (of codes with --dtype), then the experts.`,
  );
}
