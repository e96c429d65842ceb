import type { ContentValue, MapValue } from "../formats/contentValue";
import { attributesOf, isModuleState, mappingOf } from "../formats/contentView";
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
    if (attributes === undefined || !isModuleState(attributes) || seen.has(next.module)) continue;
    seen.add(next.module);
    if (seen.size > maxModules) break;
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
