import { modulePath } from "../adapter/loraKey";
import type { CheckpointSession } from "../session/checkpointSession";
import type { Tensor } from "../tensors/tensor";
import { fourierChange, randLoraChange, shiraChange } from "./randomPlaces";
import { boftChange, hraChange, oftChange } from "./rotations";
import type { KnownChange, RowChange } from "./rowChange";
import { hiraChange, ia3Change, missChange, roadChange } from "./scalings";
import type { TransformInput } from "./transformInput";

type Change = (input: TransformInput) => RowChange | KnownChange | string;

/**
 * How each method changes a weight that it does not only add to, by the word in front of its tensors' names. A string
 * is why not, as the end of a sentence that begins with the method's name; it is empty where shapes do not fit.
 */
const changes: Readonly<Record<string, Change>> = {
  ia3: ia3Change,
  oft: oftChange,
  boft: boftChange,
  hra: hraChange,
  hira: hiraChange,
  miss: missChange,
  bone: missChange,
  road: roadChange,
  fourierft: fourierChange,
  shira: shiraChange,
  randlora: randLoraChange,
};

/** The tensors by which such a method changes one weight, by the end of their names, e.g. `R` of `oft_R`. */
export interface BaseTransform {
  readonly module: string;
  readonly change: Change;
  readonly tensors: Map<string, Tensor>;
}

const transformName = new RegExp(
  `^(.*)\\.(${Object.keys(changes).join("|")})_(\\w+?)(?:\\.(?!weight$)[^.]+)?(?:\\.weight)?$`,
);

/** The modules of an adapter whose method needs the weights that it changes; empty for all others. */
export function baseTransforms({ adapter }: CheckpointSession): readonly BaseTransform[] {
  const found = new Map<string, BaseTransform>();
  for (const tensor of adapter?.otherTensors ?? []) {
    const [, path = "", word = "", end = ""] = transformName.exec(tensor.name) ?? [];
    const change = changes[word];
    if (change === undefined) continue;
    const module = modulePath(path);
    const transform = found.get(module) ?? { module, change, tensors: new Map() };
    found.set(module, transform);
    if (transform.change === change && !transform.tensors.has(end)) transform.tensors.set(end, tensor);
  }
  // RandLoRA's random matrices belong to no module and serve all.
  const shared = found.get("base_model");
  found.delete("base_model");
  for (const { tensors } of found.values())
    for (const [end, tensor] of shared?.tensors ?? []) tensors.set(end, tensor);
  return [...found.values()];
}
