import type { FileContent } from "../formats/format";
import { isNamedAsBuffer } from "../tensors/buffers";
import { elementCount, type Tensor } from "../tensors/tensor";
import { ownModels } from "./modelsInside";

/** What tells a file's model from one of another architecture or size, whatever its parameters are called. */
export interface ModelShapes {
  /** Equal for models whose parameters have the same shapes. */
  readonly key: string;
  readonly parameterCount: number;
}

/** Of the models that are trained, without averages and buffers; undefined where a file holds none. */
export function shapesInside(content: FileContent): ModelShapes | undefined {
  const tensors = ownModels(content).flatMap((model) =>
    model.tensors.flatMap(({ tensor, isBuffer }) => (isBuffer ? [] : [tensor])),
  );
  return shapesOf(tensors);
}

/** Of a file that is a list of tensors. */
export function shapesOf(tensors: readonly Tensor[]): ModelShapes | undefined {
  const shapes = tensors.filter((tensor) => !isNamedAsBuffer(tensor)).map(({ shape }) => shape);
  if (shapes.length === 0) return undefined;
  // A wrapper's prefix moves names, and with them their order.
  const counts = new Map<string, number>();
  for (const shape of shapes) counts.set(shape.join("x"), (counts.get(shape.join("x")) ?? 0) + 1);
  return {
    key: [...counts]
      .map(([shape, count]) => `${count}:${shape}`)
      .sort()
      .join(),
    parameterCount: shapes.reduce((sum, shape) => sum + elementCount(shape), 0),
  };
}
