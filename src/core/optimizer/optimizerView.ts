import { sameItems } from "../lists/sameItems";
import { maxShownNameLength } from "../problem/limits";
import { dtypeBits } from "../tensors/dtype";
import { elementCount, type Tensor } from "../tensors/tensor";
import type { OptimizerParameter, OptimizerState } from "./optimizerState";
import { quantisedTensors } from "./quantisedState";

/** What a page shows of an optimizer, without its parameters, of which there may be many. Plain data. */
export interface OptimizerView {
  /** Where in the file, e.g. "optimizer_states.0"; empty for the whole of it. */
  readonly path: string;
  readonly name: string;
  /** What the name is told from, in words. */
  readonly reason: string;
  /** The first of them, where there are more than anyone compares. */
  readonly groups: readonly OptimizerGroupView[];
  readonly groupCount: number;
  /** Keys whose values are not the same in all groups. */
  readonly differingKeys: readonly string[];
  readonly parameterCount: number;
  readonly namedCount: number;
  readonly inferredCount: number;
  /** Keys of the parameters' states, most frequent first. */
  readonly stateKeys: readonly string[];
  /** Elements of the parameters of which the shape is known. */
  readonly elements: number;
  /** Parameters of which no shape is known. */
  readonly unknownShapes: number;
  readonly stateBytes: number;
  /** Of the parameters themselves, where the dtype of each is known; and which these are, most frequent first. */
  readonly parameterBytes?: number;
  readonly parameterDtypes?: readonly string[];
  readonly emptyState: boolean;
  /** A sentence about the layout, where it is not torch's own. */
  readonly note?: string;
}

export interface OptimizerGroupView {
  readonly index: number;
  readonly parameterCount: number;
  readonly hyperparameters: readonly (readonly [key: string, value: string])[];
}

export interface OptimizerRow {
  readonly index: number;
  readonly name?: string;
  readonly nameInferred?: true;
  readonly group?: number;
  readonly shape?: readonly number[];
  readonly state: readonly OptimizerStateEntry[];
}

export interface OptimizerStateEntry {
  readonly key: string;
  /** Name in the table of tensors; then also its dtype, and its shape where it is not the parameter's. */
  readonly tensor?: string;
  readonly dtype?: string;
  readonly shape?: readonly number[];
  /** The tensor holds codes of 8 bits that `quantisedState` turns into values. */
  readonly quantised?: true;
  /** A plain value, or that of a tensor of one element. */
  readonly value?: string | number;
}

/** A run of parameters; the next begins at `first + rows.length`. */
export interface OptimizerPage {
  readonly first: number;
  readonly total: number;
  readonly rows: readonly OptimizerRow[];
}

/** Of a model with layer-wise learning rates there may be hundreds. */
const maxGroups = 48;
const maxHyperparameters = 200;
const maxStateKeys = 64;
const maxEntries = 64;
const maxText = 300;

/** Rows and characters at which a page ends, so that a message stays well under 1 MB. */
const maxPageRows = 2000;
const maxPageCharacters = 300_000;

export function viewOptimizer(optimizer: OptimizerState): OptimizerView {
  const { path, name, reason, groups, differingKeys, parameters, stateBytes, emptyState } = optimizer;
  const shapes = parameters.flatMap(({ shape }) => (shape === undefined ? [] : [shape]));
  return {
    path: cut(path),
    name,
    reason: cut(reason),
    groups: groups.slice(0, maxGroups).map(({ index, parameterCount, hyperparameters }) => ({
      index,
      parameterCount,
      hyperparameters: hyperparameters
        .slice(0, maxHyperparameters)
        .map(([key, value]) => [cut(key), cut(value)] as const),
    })),
    groupCount: groups.length,
    differingKeys: differingKeys.slice(0, maxHyperparameters).map(cut),
    parameterCount: parameters.length,
    namedCount: parameters.filter((parameter) => parameter.name !== undefined).length,
    inferredCount: parameters.filter(({ nameInferred }) => nameInferred === true).length,
    stateKeys: stateKeysOf(parameters),
    elements: shapes.reduce((sum, shape) => sum + elementCount(shape), 0),
    unknownShapes: parameters.length - shapes.length,
    stateBytes,
    ...parametersThemselves(parameters),
    emptyState,
    ...(optimizer.note === undefined ? {} : { note: optimizer.note }),
  };
}

/** What the parameters take in their own dtypes; nothing where one is not known. */
function parametersThemselves(
  parameters: readonly OptimizerParameter[],
): Pick<OptimizerView, "parameterBytes" | "parameterDtypes"> {
  const counts = new Map<string, number>();
  let bits = 0;
  for (const { dtype, shape } of parameters) {
    const width = dtype === undefined ? undefined : dtypeBits.get(dtype);
    if (dtype === undefined || shape === undefined || width === undefined) return {};
    bits += width * elementCount(shape);
    counts.set(dtype, (counts.get(dtype) ?? 0) + 1);
  }
  if (counts.size === 0) return {};
  const dtypes = [...counts].sort(([, a], [, b]) => b - a).map(([dtype]) => dtype);
  return { parameterBytes: bits / 8, parameterDtypes: dtypes };
}

/** Rows from `first` on, as many as fit. `numberIn` tells the number in a tensor of one element, where it is known. */
export function optimizerPage(
  optimizer: OptimizerState,
  first: number,
  numberIn: (tensor: Tensor) => number | undefined,
): OptimizerPage {
  const { parameters } = optimizer;
  const rows: OptimizerRow[] = [];
  let characters = 0;
  for (let at = Math.max(0, first); at < parameters.length && rows.length < maxPageRows; at++) {
    const row = rowOf(parameters[at] as OptimizerParameter, numberIn);
    characters += JSON.stringify(row).length;
    rows.push(row);
    if (characters > maxPageCharacters) break;
  }
  return { first, total: parameters.length, rows };
}

/** The parameters of the page that begins at `first`, at most. */
export function pageTensors(optimizer: OptimizerState, first: number): readonly Tensor[] {
  const page = optimizer.parameters.slice(Math.max(0, first), Math.max(0, first) + maxPageRows);
  return page.flatMap(({ tensors }) => [...tensors.values()].filter(isScalar));
}

export function isScalar({ shape }: Tensor): boolean {
  return shape.every((size) => size === 1);
}

function rowOf(
  { index, name, nameInferred, group, shape, state, tensors }: OptimizerParameter,
  numberIn: (tensor: Tensor) => number | undefined,
): OptimizerRow {
  const entries = [...state].slice(0, maxEntries).map(([key, value]): OptimizerStateEntry => {
    const tensor = tensors.get(key);
    if (tensor === undefined) return { key: cut(key), value: typeof value === "string" ? cut(value) : value };
    const number = isScalar(tensor) ? numberIn(tensor) : undefined;
    return {
      key: cut(key),
      tensor: tensor.name.slice(0, maxShownNameLength),
      dtype: tensor.dtype,
      ...(sameItems(tensor.shape, shape) ? {} : { shape: tensor.shape }),
      ...(number === undefined ? {} : { value: number }),
      ...(quantisedTensors({ tensors }, key) === undefined ? {} : { quantised: true as const }),
    };
  });
  return {
    index,
    ...(name === undefined ? {} : { name: name.slice(0, maxShownNameLength) }),
    ...(nameInferred === undefined ? {} : { nameInferred }),
    ...(group === undefined ? {} : { group }),
    ...(shape === undefined ? {} : { shape }),
    state: entries,
  };
}

function stateKeysOf(parameters: readonly OptimizerParameter[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { state } of parameters) {
    for (const key of state.keys()) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, maxStateKeys)
    .map(([key]) => cut(key));
}

function cut(text: string): string {
  return text.length <= maxText ? text : `${text.slice(0, maxText)}…`;
}
