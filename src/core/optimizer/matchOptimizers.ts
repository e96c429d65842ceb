import type { FileContent } from "../formats/format";
import type { Tensor } from "../tensors/tensor";
import { findModels, isCopyName, type ModelInside, ownModels } from "./modelsInside";
import { nameAffinity } from "./nameAffinity";
import { nameParameters } from "./nameParameters";
import type { OptimizerParameter, OptimizerState } from "./optimizerState";

/** A tensor under the name by which it is told from those of the file's other models. */
interface Candidate {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly source: Tensor;
}

/** Models, or a part of one, that one optimizer may train. */
interface Unit {
  readonly paths: readonly string[];
  readonly tensors: readonly Candidate[];
  /** The model of which this is a module. */
  readonly partOf?: string;
}

interface Match {
  readonly state: OptimizerState;
  readonly unit: Unit;
  readonly score: number;
}

/** Beyond these, only neighbours are tried together. */
const maxPaired = 8;
const maxRun = 6;

/** The optimizers of a file with the models that they train, and the names of their parameters there. */
export interface MatchedOptimizers {
  readonly states: readonly OptimizerState[];
  /** Tensors that an optimizer trains, whatever their dtype. */
  readonly trained: ReadonlySet<Tensor>;
}

/**
 * Finds for each optimizer of a file the model whose parameters it has, by number, order and shapes; where several
 * fit, by what the two are called and by their places.
 */
export function matchOptimizers(states: readonly OptimizerState[], content: FileContent): MatchedOptimizers {
  const models = findModels(content);
  const trained = new Set<Tensor>();
  if (models.length === 0 || states.length === 0) return { states, trained };
  const units = unitsOf(content, models, states.length);
  const matched = states.map((state, at) => {
    const match = bestMatch(state, at, states.length, units);
    if (match === undefined) return state;
    const sources = new Map(match.unit.tensors.map(({ name, source }) => [name, source]));
    for (const { name, own } of match.state.parameters) {
      const source = own ?? (name === undefined ? undefined : sources.get(name));
      if (source !== undefined) trained.add(source);
    }
    return { ...match.state, models: match.unit.paths };
  });
  return { states: matched, trained };
}

/** Single models first, then some of them together, then averages. */
function unitsOf(content: FileContent, models: readonly ModelInside[], optimizers: number): readonly Unit[] {
  const own = ownModels(content);
  const isOne = own.length === 1;
  const singles = own.map((model) => unitOf(model, isOne));
  const parts = singles.length > maxPaired ? [] : singles.flatMap((unit) => partsOf(unit, isOne));
  // An average that numbers its parameters has their shapes without anything between them; none trains it.
  const aside = models
    .filter(
      (model) => !own.includes(model) && !model.tensors.every(({ name }) => /(?:^|[._])\d+$/.test(name)),
    )
    .map((model) => unitOf(model, false));
  return [
    ...parts,
    ...singles,
    // One optimizer may train one module of the model, and several may share it out in any way.
    ...(isOne && optimizers > 1 ? together(parts) : []),
    ...together(singles),
    ...aside,
    ...withOne(singles, aside),
  ];
}

function unitOf({ path, tensors }: ModelInside, isOne: boolean): Unit {
  const prefix = isOne || path === "" ? "" : path;
  return {
    paths: [path],
    tensors: tensors
      .filter(({ isBuffer, tensor }) => !isBuffer || tensor.dtype === "I64" || tensor.dtype === "BOOL")
      .map(({ name, tensor }) => ({
        name: prefix === "" ? name : name === "" ? prefix : `${prefix}.${name}`,
        shape: tensor.shape,
        dtype: tensor.dtype,
        source: tensor,
      })),
  };
}

/** The modules of a model, below what all its names begin with: a GAN in one Lightning module has two. */
function partsOf({ paths: [path = ""], tensors }: Unit, isOne: boolean): readonly Unit[] {
  const split = tensors.map(({ name }) => name.split("."));
  let depth = 0;
  const shared = () => {
    const first = split[0]?.[depth];
    return split.every((parts) => parts.length > depth + 1 && parts[depth] === first);
  };
  while (depth < 4 && split.length > 0 && shared()) depth++;
  const groups = new Map<string, Candidate[]>();
  for (const [at, tensor] of tensors.entries()) {
    const key = (split[at] ?? []).slice(0, depth + 1).join(".");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [tensor]);
    else group.push(tensor);
  }
  if (groups.size < 2 || groups.size > 16) return [];
  return [...groups].map(([key, group]) => ({
    paths: [path === "" || !isOne ? key : `${path}.${key}`],
    tensors: group,
    partOf: path,
  }));
}

function together(units: readonly Unit[]): readonly Unit[] {
  const joined: Unit[] = [];
  for (let first = 0; first < units.length; first++) {
    for (let end = first + 2; end <= Math.min(units.length, first + maxRun); end++) {
      joined.push(join(units.slice(first, end)));
    }
  }
  if (units.length > maxRun) joined.push(join(units));
  if (units.length > maxPaired) return joined;
  for (let first = 0; first < units.length; first++) {
    for (let second = first + 2; second < units.length; second++) {
      joined.push(join([units[first] as Unit, units[second] as Unit]));
    }
  }
  return joined;
}

/** The parameters of a loss are trained with those of its model. */
function withOne(units: readonly Unit[], aside: readonly Unit[]): readonly Unit[] {
  return units.length > maxPaired || aside.length > maxPaired
    ? []
    : units.flatMap((unit) => aside.map((other) => join([unit, other])));
}

function join(units: readonly Unit[]): Unit {
  return { paths: units.flatMap(({ paths }) => paths), tensors: units.flatMap(({ tensors }) => tensors) };
}

function bestMatch(
  state: OptimizerState,
  at: number,
  count: number,
  units: readonly Unit[],
): Match | undefined {
  const referred = byReference(state, units);
  if (referred !== undefined) return referred;
  const singles = units.filter(({ paths }) => paths.length === 1);
  let best: Match | undefined;
  let isTied = false;
  for (const unit of units) {
    const fit = fitOf(state, unit);
    if (fit === undefined) continue;
    const affinity = Math.min(...unit.paths.map((path) => nameAffinity(state.path, path)));
    // What is called alike is meant, where it really fits; equal ones are told apart by their places.
    const named = affinity > 0 && fit.grade >= 2 ? 150 + affinity : 0;
    const inPlace = singles.length === count && singles[at] === unit ? 1 : 0;
    const score = fit.grade * 100 + named + inPlace;
    if (score === best?.score && unit.partOf !== undefined && !isCopyName(unit.paths[0] ?? "")) isTied = true;
    if (best !== undefined && score <= best.score) continue;
    best = { state: fit.state, unit, score };
    isTied = false;
  }
  // Which of several modules it is cannot be told: that it is one of the model's can.
  if (isTied && best?.unit.partOf !== undefined) {
    return bestMatch(
      state,
      at,
      count,
      units.filter(({ partOf }) => partOf === undefined),
    );
  }
  return best;
}

/** An optimizer that was saved as an object refers to the parameters themselves. */
function byReference(state: OptimizerState, units: readonly Unit[]): Match | undefined {
  const own = new Set(state.parameters.flatMap((parameter) => parameter.own ?? []));
  if (own.size === 0) return undefined;
  const holding = units
    .filter(({ paths, partOf }) => paths.length === 1 && partOf === undefined)
    .filter(({ tensors }) => tensors.some(({ source }) => own.has(source)));
  const unit = join(holding);
  if (unit.paths.length === 0) return undefined;
  const names = new Map(unit.tensors.map(({ source, name }) => [source, name]));
  const parameters = state.parameters.map((parameter): OptimizerParameter => {
    const name = parameter.own === undefined ? undefined : names.get(parameter.own);
    return name === undefined ? parameter : { ...parameter, name };
  });
  return { state: { ...state, parameters }, unit, score: 0 };
}

/** 3: as many tensors as parameters, all in order; 2: some are passed over; 1: shapes alone, or numbers. */
function fitOf(
  state: OptimizerState,
  { tensors }: Unit,
): { readonly state: OptimizerState; readonly grade: 1 | 2 | 3 } | undefined {
  const { parameters } = state;
  if (parameters.length === 0 || parameters.length > tensors.length) return undefined;
  const given = parameters.filter(({ name }) => name !== undefined);
  if (given.length > 0) {
    const names = new Set(tensors.map(({ name }) => name));
    const known = given.filter(({ name = "" }) => names.has(name)).length;
    if (known * 2 < given.length) return undefined;
    return { state: nameParameters(state, tensors, true), grade: known === tensors.length ? 3 : 2 };
  }
  if (!hasShapesOf(tensors, parameters)) return undefined;
  const named = nameParameters(state, tensors, true);
  if (named.parameters.some(({ name }) => name !== undefined)) {
    const trainable = tensors.filter(({ dtype }) => /^(?:F|BF|C)/.test(dtype)).length;
    return { state: named, grade: parameters.length >= trainable ? 3 : 2 };
  }
  const isTold = parameters.some(({ shape }) => shape !== undefined) || parameters.length === tensors.length;
  return isTold ? { state, grade: 1 } : undefined;
}

function hasShapesOf(tensors: readonly Candidate[], parameters: readonly OptimizerParameter[]): boolean {
  const left = new Map<string, number>();
  for (const { shape } of tensors) {
    const key = shape.join(" ");
    left.set(key, (left.get(key) ?? 0) + 1);
  }
  return parameters.every(({ shape }) => {
    if (shape === undefined) return true;
    const key = shape.join(" ");
    const count = left.get(key) ?? 0;
    left.set(key, count - 1);
    return count > 0;
  });
}
