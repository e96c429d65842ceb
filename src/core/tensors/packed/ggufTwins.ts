import { changeText, type GgufChange, type GgufNames } from "../../names/ggufNames";
import { plural } from "../../text/quantities";
import { ggmlBlocks } from "../ggmlBlocks";
import { elementCount, type Tensor } from "../tensor";
import { asBeforeConversion } from "./rearranged";

/** Tensors of a GGUF file under the names that transformers has for them. */
export interface GgufTwins {
  readonly tensors: readonly Tensor[];
  /** What was done, as a sentence; undefined where nothing was. */
  readonly rule: string | undefined;
}

/** Experts of all layers that are named one by one, at most. */
const maxExperts = 200_000;

/**
 * The tensors of a GGUF file as transformers names and keeps them, where that is known: rows put back in order, experts
 * one by one. The others stay as they are.
 */
export function ggufTwins(tensors: readonly Tensor[], names: GgufNames): GgufTwins {
  const changes = new Map<GgufChange["kind"], { readonly text: string; count: number }>();
  let renamed = 0;
  const twins = tensors.flatMap((tensor): Tensor | readonly Tensor[] => {
    const twin = names.twin(tensor.name);
    if (twin === undefined) return tensor;
    const { name, change, isExperts } = twin;
    const made =
      isExperts === true
        ? experts(tensor, name)
        : change === undefined
          ? { ...tensor, name }
          : asBeforeConversion(tensor, name, change);
    if (made === undefined) return tensor;
    renamed++;
    if (change !== undefined) {
      const known = changes.get(change.kind) ?? { text: changeText(change), count: 0 };
      known.count++;
      changes.set(change.kind, known);
    }
    return made;
  });
  if (renamed === 0) return { tensors, rule: undefined };
  const done = [...changes.values()].map(({ text, count }) => `; of ${plural(count, "tensor")} ${text}`);
  const rule = `${plural(renamed, "tensor")} of GGUF by the names that transformers has for ${names.architecture}${done.join("")}.`;
  return { tensors: twins, rule };
}

/** Experts lie one behind the other, each in whole blocks. */
function experts(tensor: Tensor, name: string): readonly Tensor[] | undefined {
  const { shape, byteSize, offset, layout, dtype } = tensor;
  const [count = 0, ...each] = shape;
  const size = byteSize / count;
  const isWhole = Number.isInteger(size) && elementCount(each) % (ggmlBlocks.get(dtype)?.values ?? 1) === 0;
  if (shape.length !== 3 || layout !== undefined || !isWhole || count > maxExperts) return undefined;
  return Array.from({ length: count }, (_, expert) => ({
    ...tensor,
    name: name.replace("*", String(expert)),
    shape: each,
    byteSize: size,
    offset: offset + expert * size,
  }));
}
