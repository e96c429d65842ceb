import type { ContentValue, MapValue } from "../formats/contentValue";
import { mappingOf, numberOf, sequenceOf, stringOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import { keyText, pythonText } from "../formats/pythonText";
import { compiledClassKey } from "../formats/trainingTree";
import type { Tensor } from "../tensors/tensor";
import { describeLayout } from "./describeLayout";
import { type FoundOptimizer, findOptimizers } from "./findOptimizers";
import { optimizerKind } from "./optimizerKinds";

export interface OptimizerGroup {
  readonly index: number;
  readonly parameterCount: number;
  readonly hyperparameters: readonly (readonly [key: string, value: string])[];
  /** The same as plain data, for scripts. */
  readonly settings: ReadonlyMap<string, PlainValue>;
  /** Undefined where it is not a plain number, such as a tensor. */
  readonly learningRate: number | undefined;
}

export type PlainValue = null | boolean | number | string | readonly PlainValue[];

export interface OptimizerParameter {
  /** Position over all groups, as torch counts; of a state by names the order in which they stand. */
  readonly index: number;
  readonly name?: string;
  /** The name is not in the file; it was found by order and shapes. */
  readonly nameInferred?: true;
  /** Position of its group; undefined where no group lists it. */
  readonly group: number | undefined;
  /** Of the parameter itself, from the model it was found in. */
  readonly dtype?: string;
  /** The parameter itself, where the optimizer was saved as an object that refers to it. */
  readonly own?: Tensor;
  /** As its moments have it; undefined where nothing tells. */
  readonly shape: readonly number[] | undefined;
  /** What the optimizer keeps: the name of a tensor, a number, or a value in words. */
  readonly state: ReadonlyMap<string, string | number>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

export interface OptimizerState {
  /** Where in the file, e.g. "optimizer_states.0"; empty for the whole of it. */
  readonly path: string;
  readonly name: string;
  /** What the name is told from, in words. */
  readonly reason: string;
  readonly groups: readonly OptimizerGroup[];
  /** Keys whose values are not the same in all groups. */
  readonly differingKeys: readonly string[];
  readonly parameters: readonly OptimizerParameter[];
  /** Paths of the models in the same file whose parameters these are; undefined where none fits. */
  readonly models?: readonly string[];
  readonly stateBytes: number;
  /** No step was made yet, or the state was not saved: there are groups and no moments. */
  readonly emptyState: boolean;
  /** A sentence where the state is only a part of one, or lies otherwise than torch alone would lay it out. */
  readonly note?: string;
}

/** Every optimizer whose state a file holds. */
export function optimizerStates(content: FileContent): readonly OptimizerState[] {
  return findOptimizers(content.root).map((found) => {
    const state = readOptimizer(found, content);
    const note = describeLayout(content, found.path);
    return note === undefined ? state : { ...state, note };
  });
}

function readOptimizer(found: FoundOptimizer, content: FileContent): OptimizerState {
  const members = memberGroups(found);
  const readOnce = once((value: ContentValue | undefined) => readState(value, content));
  const parameters = members.map(({ key, name, group }, index): OptimizerParameter => {
    const state = readOnce(found.state.get(key));
    const own = content.tensors.get(key);
    return {
      index,
      ...(name === undefined ? {} : { name }),
      group,
      ...(own === undefined ? {} : { own, dtype: own.dtype }),
      shape: own?.shape ?? shapeOf(state.tensors),
      state: state.values,
      tensors: state.tensors,
    };
  });
  const settingsOnce = once(readGroup);
  const groups = found.groups.map((group, index) => ({ index, ...settingsOnce(group) }));
  const tensors = new Set(parameters.flatMap((parameter) => [...parameter.tensors.values()]));
  return {
    path: found.path,
    ...kindOf(found, parameters),
    groups,
    differingKeys: differingKeys(groups),
    parameters,
    stateBytes: [...tensors].reduce((sum, tensor) => sum + tensor.byteSize, 0),
    emptyState: found.state.size === 0,
  };
}

interface Member {
  readonly key: ContentValue;
  readonly name: string | undefined;
  readonly group: number | undefined;
}

/** Parameters in the order of the groups, and then those that only the state knows. */
function memberGroups({ state, groups }: FoundOptimizer): readonly Member[] {
  const members: Member[] = [];
  const seen = new Set<ContentValue>();
  const listed = new Set<ContentValue>();
  for (const [group, dict] of groups.entries()) {
    // One list may stand in any number of groups.
    const params = dict.get("params");
    if (params === undefined || listed.has(params)) continue;
    listed.add(params);
    // torch 2.6 and later keep the names that the optimizer was made with.
    const names = sequenceOf(dict.get("param_names"));
    for (const [at, key] of (sequenceOf(params) ?? []).entries()) {
      if (seen.has(key)) continue;
      seen.add(key);
      const given = names?.[at];
      members.push({ key, name: typeof given === "string" ? given : ownName(key), group });
    }
  }
  for (const key of state.keys) {
    if (!seen.has(key)) members.push({ key, name: ownName(key), group: undefined });
  }
  return members;
}

/** FSDP and distributed checkpoints key the state by names. */
function ownName(key: ContentValue): string | undefined {
  return typeof key === "string" && !/^\d+$/.test(key) ? key : undefined;
}

interface ReadState {
  readonly values: ReadonlyMap<string, string | number>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** One for all parameters without a state: there may be hundreds of thousands. */
const noState: ReadState = { values: new Map(), tensors: new Map() };

function readState(value: ContentValue | undefined, content: FileContent): ReadState {
  const mapping = mappingOf(value);
  if (mapping === undefined || mapping.size === 0) return noState;
  const values = new Map<string, string | number>();
  const tensors = new Map<string, Tensor>();
  const add = (dict: MapValue, prefix: string): void => {
    for (const [key, member] of dict.entries()) {
      const label = prefix + keyText(key);
      const inner = prefix === "" ? mappingOf(member) : undefined;
      const tensor = content.tensors.get(member);
      if (tensor !== undefined) {
        values.set(label, tensor.name);
        tensors.set(label, tensor);
        // bitsandbytes nests its quantised tensors since the end of 2025.
      } else if (inner !== undefined) add(inner, key === "__bnb_optimizer_quant_state__" ? "" : `${label}.`);
      else values.set(label, stateValue(member, content));
    }
  };
  add(mapping, "");
  return { values, tensors };
}

function stateValue(value: ContentValue, content: FileContent): string | number {
  const number = numberOf(value);
  if (number !== undefined) return number;
  const items = sequenceOf(value);
  const tensors = items?.filter((item) => content.tensors.has(item)).length ?? 0;
  return tensors > 0 ? `${tensors} tensors` : pythonText(value);
}

/** Moments have the shape of their parameter; row and column sums of Adafactor share it between them. */
function shapeOf(tensors: ReadonlyMap<string, Tensor>): readonly number[] | undefined {
  for (const key of [
    "exp_avg",
    "exp_avg_sq",
    "momentum_buffer",
    // Before state1, which holds two moments in AdEMAMix of bitsandbytes.
    "state2",
    "state1",
    "square_avg",
    "sum",
    "prev",
    "exp_inf",
    "ax",
    // fastai's own.
    "grad_avg",
    "sqr_avg",
    // optax, Keras and TensorFlow.
    "mu",
    "nu",
    "trace",
    "momentum",
    "velocity",
    "m",
    "v",
    "rms",
    "accumulator",
    "accumulated_grad",
    "slot 1",
    "slot",
  ]) {
    const tensor = tensors.get(key);
    if (tensor !== undefined) return tensor.shape;
  }
  const row = tensors.get("exp_avg_sq_row")?.shape;
  const column = tensors.get("exp_avg_sq_col")?.shape;
  if (row === undefined || column === undefined) return undefined;
  return [...row, column.at(-1) ?? 1];
}

/** What a value says, read once: a file may refer to one value any number of times. */
function once<K, V>(read: (value: K) => V): (value: K) => V {
  const known = new Map<K, V>();
  return (value) => {
    const before = known.get(value);
    if (before !== undefined) return before;
    const found = read(value);
    known.set(value, found);
    return found;
  };
}

function readGroup(group: MapValue): Omit<OptimizerGroup, "index"> {
  const members = [...group.entries()].filter(([key]) => key !== "params" && key !== "param_names");
  const hyperparameters = members.map(([key, value]) => [keyText(key), pythonText(value)] as const);
  return {
    parameterCount: sequenceOf(group.get("params"))?.length ?? 0,
    hyperparameters,
    settings: new Map(members.map(([key, value]) => [keyText(key), plainValue(value)])),
    learningRate: numberOf(group.get("lr")),
  };
}

function plainValue(value: ContentValue): PlainValue {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  const number = numberOf(value);
  if (number !== undefined) return number;
  const items = sequenceOf(value);
  const isShort =
    items !== undefined && items.length <= 16 && items.every((item) => numberOf(item) !== undefined);
  return isShort ? items.map((item) => numberOf(item) ?? Number.NaN) : pythonText(value);
}

/** Keys that not all groups have, or not with the same value. Linear: a file may have as many groups as keys. */
function differingKeys(groups: readonly OptimizerGroup[]): readonly string[] {
  const seen = new Map<string, { readonly value: string; count: number; differs: boolean }>();
  for (const { hyperparameters } of groups) {
    for (const [key, value] of new Map(hyperparameters)) {
      const known = seen.get(key);
      if (known === undefined) seen.set(key, { value, count: 1, differs: false });
      else {
        known.count++;
        known.differs ||= known.value !== value;
      }
    }
  }
  return [...seen].filter(([, { count, differs }]) => differs || count < groups.length).map(([key]) => key);
}

function kindOf({ groups, className }: FoundOptimizer, parameters: readonly OptimizerParameter[]) {
  if (className !== undefined) return { name: className, reason: "it was saved as an object of this class" };
  const stateKeys = new Set(parameters.flatMap(({ state }) => [...state.keys()]));
  const [first] = groups;
  const compiled = stringOf(first?.get(compiledClassKey));
  if (compiled !== undefined)
    return { name: `${compiled} (Keras)`, reason: "the model was compiled with it" };
  const groupKeys = [...new Set([...new Set(groups)].flatMap(({ keys }) => keys.map(keyText)))];
  const betas = sequenceOf(first?.get("betas"))?.flatMap((beta) => numberOf(beta) ?? []);
  const decoupled = first?.get("decoupled_weight_decay");
  return optimizerKind({
    stateKeys,
    groupKeys,
    ...(betas === undefined ? {} : { betas }),
    decoupled: typeof decoupled === "boolean" ? decoupled : undefined,
  });
}
