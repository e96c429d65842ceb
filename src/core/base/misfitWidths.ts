import { modulePath } from "../adapter/loraKey";
import { methodName } from "../adapter/methods/methodTable";
import { shapedModules, sideOf } from "../adapter/methods/tensorShapes";
import { jsonString } from "../json/parseJson";
import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import { elementCount, formatShape, type Tensor } from "../tensors/tensor";
import { plural } from "../text/quantities";
import { baseTransforms } from "./baseTransforms";
import { ia3Change } from "./scalings";

type Finds = (module: string) => Tensor | undefined;

/** Tensors of methods without factors that are of another width than the weight that they change. */
export function misfitWidths(adapter: CheckpointSession, find: Finds, base: string): readonly Problem[] {
  return [misfitVectors, misfitSides, misfitEntries, misfitNorms].flatMap((rule) =>
    rule(adapter, find, base),
  );
}

/** Whether what the adapter holds tells of each of its modules how wide the weight must be. */
export function areWidthsKnown(adapter: CheckpointSession): boolean {
  const { method = "", modules = [], otherTensors = [] } = adapter.adapter ?? {};
  if (modules.length > 0) return true;
  if (baseTransforms(adapter).some(({ change }) => change === ia3Change)) return true;
  const shaped = shapedModules(method, otherTensors) ?? [];
  const isKnown = (module: (typeof shaped)[number]) =>
    (sideOf(method, module, "in") ?? sideOf(method, module, "out", variantOf(adapter))) !== undefined;
  return shaped.length > 0 && shaped.every(isKnown);
}

/** The base keeps plain values in rows and columns, which a width can be held against. */
function isMatrix({ dtype, shape }: Tensor): boolean {
  return /^(?:F64|F32|F16|BF16)$/.test(dtype) && shape.length > 1;
}

/** A vector of IA³ has a factor for each input or each output of its weight, whichever way round that is stored. */
function misfitVectors(adapter: CheckpointSession, find: Finds, base: string): readonly Problem[] {
  const wrong = baseTransforms(adapter).flatMap(({ module, change, tensors }) => {
    const [vector, weight] = [tensors.get("l"), find(module)];
    if (change !== ia3Change || vector === undefined || weight === undefined || !isMatrix(weight)) return [];
    return weight.shape.includes(elementCount(vector.shape)) ? [] : [{ vector, weight }];
  });
  const [first] = wrong;
  if (first === undefined) return [];
  const { vector, weight } = first;
  const message = `${plural(wrong.length, "vector")} of IA³ ${wrong.length === 1 ? "is" : "are"} of another length than the weight of the base ${base}: ${vector.name} has ${elementCount(vector.shape)} factors, the weight is ${weight.shape.join(" × ")}.`;
  return [{ severity: "error", code: "BaseShapes", message, tensor: vector.name }];
}

function variantOf({ folder }: CheckpointSession): string | undefined {
  return jsonString(folder.adapterConfig?.value.get("variant"));
}

/** SHiRA trains as many entries of a weight as LoRA of its rank would have values (tuners/shira/layer.py). */
function misfitEntries(adapter: CheckpointSession, find: Finds, base: string): readonly Problem[] {
  const { adapter: found, adapterConfig: config } = adapter;
  if (found?.method !== "SHIRA" || config?.r === undefined) return [];
  const wrong = (shapedModules("SHIRA", found.otherTensors) ?? []).flatMap(({ path, tensors }) => {
    const [values, weight] = [tensors.get("weight"), find(modulePath(path))];
    if (values === undefined || weight?.shape.length !== 2 || !isMatrix(weight)) return [];
    const expected = (config.r ?? 0) * weight.shape.reduce((sum, side) => sum + side, 0);
    return elementCount(values.shape) === expected ? [] : [{ values, weight, expected }];
  });
  const [first] = wrong;
  if (first === undefined) return [];
  const message = `${plural(wrong.length, "module")} of SHiRA ${wrong.length === 1 ? "does" : "do"} not hold the entries that r ${config.r} makes of the weight of the base ${base}: ${first.values.name} has ${elementCount(first.values.shape)}, of a weight of ${formatShape(first.weight.shape)} it makes ${first.expected}.`;
  return [{ severity: "error", code: "BaseShapes", message, tensor: first.values.name }];
}

/** Norms that LN tuning replaces have the size of the base's own. */
function misfitNorms(adapter: CheckpointSession, find: Finds, base: string): readonly Problem[] {
  const tensors = adapter.adapter?.method === "LN_TUNING" ? adapter.checkpoint.tensors : [];
  const wrong = tensors.flatMap((tensor) => {
    const path = /^(.*)\.ln_tuning_layers\.weight$/.exec(tensor.name)?.[1];
    const weight = path === undefined ? undefined : find(modulePath(path));
    return weight === undefined || elementCount(weight.shape) === elementCount(tensor.shape)
      ? []
      : [{ tensor, weight }];
  });
  const [first] = wrong;
  if (first === undefined) return [];
  const message = `${plural(wrong.length, "norm")} of LN tuning ${wrong.length === 1 ? "is" : "are"} of another size than that of the base ${base}: ${first.tensor.name} is ${formatShape(first.tensor.shape)}, the weight ${formatShape(first.weight.shape)}.`;
  return [{ severity: "error", code: "BaseShapes", message, tensor: first.tensor.name }];
}

function misfitSides(adapter: CheckpointSession, find: Finds, base: string): readonly Problem[] {
  const method = adapter.adapter?.method ?? "";
  const modules = shapedModules(method, adapter.adapter?.otherTensors ?? []) ?? [];
  const variant = variantOf(adapter);
  const wrong = modules.flatMap((module) => {
    const weight = find(modulePath(module.path));
    if (weight === undefined || !isMatrix(weight) || weight.shape.length !== 2) return [];
    const sides = [sideOf(method, module, "out", variant), sideOf(method, module, "in")];
    const [rows, columns] = weight.shape;
    const isAs = (first: number | undefined, second: number | undefined) =>
      (sides[0] ?? first) === first && (sides[1] ?? second) === second;
    return isAs(rows, columns) || isAs(columns, rows) ? [] : [{ module, weight, sides }];
  });
  const [first] = wrong;
  if (first === undefined) return [];
  const [out, inputs] = first.sides;
  const widths = [
    ...(out === undefined ? [] : [plural(out, "output")]),
    ...(inputs === undefined ? [] : [plural(inputs, "input")]),
  ].join(" and ");
  const message = `${plural(wrong.length, "module")} of ${methodName(method)} ${wrong.length === 1 ? "is" : "are"} of another width than the weight of the base ${base}: ${modulePath(first.module.path)} has ${widths}, the weight is ${formatShape(first.weight.shape)}.`;
  const [tensor] = first.module.tensors.values();
  return [{ severity: "error", code: "BaseShapes", message, ...(tensor && { tensor: tensor.name }) }];
}
