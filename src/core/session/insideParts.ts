import type { InsideFile } from "../checkpoint/inside/insideFile";
import { seriesInside } from "../checkpoint/inside/seriesInside";
import type { FileContent } from "../formats/format";
import { plainNumber } from "../formats/torch/plainNumber";
import type { ModelInside } from "../optimizer/modelsInside";
import { randomInside, scalerInside, schedulersInside } from "../resume/stateInside";
import { elementCount } from "../tensors/tensor";
import { formatCount, formatNumber, plural } from "../text/quantities";

/** One part of a file that holds several: what it is, and the numbers that tell it from others. Plain data. */
export interface InsidePart {
  /** Where it lies, as tensors are named; empty for the whole of the file. */
  readonly path: string;
  readonly role:
    | "model"
    | "copy of a model"
    | "loss function"
    | "optimizer"
    | "scheduler"
    | "gradient scaler"
    | "random state"
    | "history";
  /** Of an optimizer, e.g. "AdamW". */
  readonly name?: string;
  /** Elements that are trained, of a model; parameters by number, of an optimizer. */
  readonly parameters?: number;
  /** Elements that a model keeps beside its parameters. */
  readonly buffers?: number;
  readonly tensors?: number;
  /** The models that an optimizer trains; empty where they are not in this file. */
  readonly of?: readonly string[];
  /** Values of a history, and the last of them where it is a plain number. */
  readonly values?: number;
  readonly last?: number;
}

/** Of one kind; a file of more lists the first. */
const maxParts = 64;

/** What a file holds, part by part. */
export function insideParts(content: FileContent, inside: InsideFile): readonly InsidePart[] {
  const { models, optimizers, trained, kind } = inside;
  if (kind === "training-args" || kind === "rng-state") return [];
  const told = models.slice(0, maxParts).map((model) => modelPart(model, trained));
  // Metrics and transforms that are modules, and have nothing to train.
  const ofModels = told.some(hasParameters) ? told.filter(hasParameters) : told;
  const ofOptimizers = optimizers.slice(0, maxParts).map(
    ({ path, name, parameters, models: of }): InsidePart => ({
      path,
      role: "optimizer",
      name,
      parameters: parameters.length,
      ...(models.length === 0 ? {} : { of: of ?? [] }),
    }),
  );
  const scaler = scalerInside(content);
  const series = seriesInside(content).slice(0, maxParts);
  return [
    ...ofModels,
    ...ofOptimizers,
    ...schedulersInside(content).map(({ place }): InsidePart => ({ path: place, role: "scheduler" })),
    ...(scaler === undefined ? [] : [{ path: scaler.place, role: "gradient scaler" as const }]),
    ...randomInside(content).map((path): InsidePart => ({ path, role: "random state" })),
    ...series.map(({ path, length, values }): InsidePart => {
      const last = plainNumber(values.at(-1));
      return { path, role: "history", values: length, ...(last === undefined ? {} : { last }) };
    }),
  ];
}

function hasParameters({ parameters = 0 }: InsidePart): boolean {
  return parameters > 0;
}

function modelPart({ path, tensors, aside }: ModelInside, trained: InsideFile["trained"]): InsidePart {
  let parameters = 0;
  let buffers = 0;
  for (const { tensor, isBuffer } of tensors) {
    if (isBuffer && !trained.has(tensor)) buffers += elementCount(tensor.shape);
    else parameters += elementCount(tensor.shape);
  }
  const role = aside === "copy" ? "copy of a model" : aside === "loss" ? "loss function" : "model";
  return { path, role, parameters, buffers, tensors: tensors.length };
}

const averageName = /(?:^|[._])(?:ema|avg|averaged?|swa|shadow)(?:[._]|$)/i;

/** A part in words, for a table of them. */
export function partText({
  path,
  role,
  name,
  parameters = 0,
  buffers = 0,
  tensors,
  of,
  values = 0,
  last,
}: InsidePart): string {
  switch (role) {
    case "optimizer": {
      const whose =
        of === undefined
          ? ""
          : of.length === 0
            ? ", matched with no model of this file"
            : ` of ${listed(of)}`;
      return `${name ?? "optimizer"}, state of ${plural(parameters, "parameter")}${whose}`;
    }
    case "history":
      return `history of ${plural(values, "value")}${last === undefined ? "" : `, the last ${formatNumber(last)}`}`;
    case "model":
    case "copy of a model":
    case "loss function": {
      const kept = buffers > 0 ? `, ${formatCount(buffers)} more in buffers` : "";
      return `${role === "copy of a model" && averageName.test(path) ? "moving average of a model" : role}, ${plural(parameters, "parameter")} in ${plural(tensors ?? 0, "tensor")}${kept}`;
    }
    default:
      return role;
  }
}

function listed(paths: readonly string[]): string {
  return paths.map((path) => (path === "" ? "the file" : path)).join(", ");
}
