import { type ContentValue, ForeignValue, type MapValue } from "../formats/contentValue";
import { attributesOf, childrenOf, isModuleState, mappingOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import { keyText } from "../formats/pythonText";
import type { Tensor } from "../tensors/tensor";
import { dotted } from "../text/dotted";

/** A tensor that a module registers, under its name in that module. */
export interface ModuleTensor {
  readonly name: string;
  readonly tensor: Tensor;
  readonly isBuffer: boolean;
}

/** Of all modules together; a deeper or larger one is cut. */
const maxModules = 20_000;

/**
 * The parameters and buffers of a module that was saved as an object, in the order of `named_parameters()`. Other
 * attributes of it, lists of its own modules and tensors that it caches, are none of them.
 */
export function moduleTensors(module: ContentValue, content: FileContent): readonly ModuleTensor[] {
  const found: ModuleTensor[] = [];
  const seen = new Set<ContentValue>();
  const stack: { module: ContentValue; path: string }[] = [{ module, path: "" }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const attributes = attributesOf(next.module);
    if (next.module === null || seen.has(next.module)) continue;
    seen.add(next.module);
    if (seen.size > maxModules) break;
    if (attributes === undefined || !isModuleState(attributes)) {
      // A quantised convolution keeps a tuple as its state, weight and bias among it.
      if (isQuantisedLayer(next.module)) found.push(...packedTensors(next.module, next.path, content));
      continue;
    }
    const packed = attributes.get("_packed_params");
    if (packed !== undefined)
      found.push(...packedTensors(packed, dotted(next.path, "_packed_params"), content));
    for (const [name, value] of entriesOf(attributes, "_parameters")) {
      add(found, content, value, dotted(next.path, name), false);
    }
    for (const [name, value] of entriesOf(attributes, "_buffers")) {
      add(found, content, value, dotted(next.path, name), true);
    }
    const inner = entriesOf(attributes, "_modules").map(([name, value]) => ({
      module: value,
      path: dotted(next.path, name),
    }));
    stack.push(...inner.reverse());
  }
  return found;
}

/** Classes of torch.ao and of what it was called before. */
function isQuantisedLayer(module: ContentValue): boolean {
  return module instanceof ForeignValue && /^torch\.(?:ao\.)?nn\.\w*quantized\./.test(module.qualifiedName);
}

/** How a packed LSTM nests its weights. */
const maxPackedDepth = 6;
const maxPacked = 16;

/** Weight and bias of a quantised layer, which keeps them in an object or a tuple of its own. */
export function packedTensors(
  value: ContentValue,
  name: string,
  content: FileContent,
  depth = 0,
): readonly ModuleTensor[] {
  const children = childrenOf(value);
  if (depth > maxPackedDepth || children.count > maxPacked) return [];
  return Array.from({ length: children.count }, (_, at) => at).flatMap((at): readonly ModuleTensor[] => {
    const child = children.value(at);
    const path = `${name}.${children.label(at)}`;
    const tensor = content.tensors.get(child);
    if (tensor !== undefined) return [{ name: path, tensor, isBuffer: false }];
    return child === null || typeof child !== "object" ? [] : packedTensors(child, path, content, depth + 1);
  });
}

function entriesOf(attributes: MapValue, part: string): (readonly [name: string, value: ContentValue])[] {
  return [...(mappingOf(attributes.get(part))?.entries() ?? [])].map(([key, value]) => [keyText(key), value]);
}

function add(
  found: ModuleTensor[],
  { tensors }: FileContent,
  value: ContentValue,
  name: string,
  isBuffer: boolean,
): void {
  const tensor = tensors.get(value);
  if (tensor !== undefined) found.push({ name, tensor, isBuffer });
}
