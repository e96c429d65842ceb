import { type ContentValue, ForeignValue, type MapValue } from "../formats/contentValue";
import { attributesOf, childrenOf, isModuleState, mappingOf } from "../formats/contentView";
import type { FileContent } from "../formats/format";
import { keyText } from "../formats/pythonText";
import { isBuffer, isNamedAsBuffer } from "../tensors/buffers";
import { averagedTwins } from "./averagedTwins";
import { isOptimizer } from "./findOptimizers";
import { type ModuleTensor as ModelTensor, moduleTensors, packedTensors } from "./moduleTensors";
import { placeOf, SeenPlaces } from "./tensorPlaces";
import { isDataName, isMeasureName, modelWords } from "./tensorWords";

/** A model that a file holds: a state dict, a module saved as an object, or parameters that lie about. */
export interface ModelInside {
  /** Where it lies, as tensors are named: `generator`, `models.actor`; empty for the whole of the file. */
  readonly path: string;
  /** In the order in which the model declares them; those that share memory once. */
  readonly tensors: readonly ModelTensor[];
  /**
   * What it is beside the models that are trained: an average or an older state of one of them, or the tensors of a
   * loss function. Undefined for a model of its own.
   */
  readonly aside?: "copy" | "loss";
}

/** An average or an older state of a model that the file holds as well. */
const copyWords =
  /(?:^|[._])(?:ema|targets?|targ|avg|averaged?|swa|best|teacher|shadow|momentum|old|copy|prev(?:ious)?|ref|last)(?:[._]|$)|_k$/i;

const lossWords = /(?:^|[._])(?:criterion|loss(?:es)?|loss_fn|metrics?|normali[sz]er)(?:[._]|$)/i;

/** Callbacks keep tensors under paths of files, optimizers theirs under numbers, replay buffers whole episodes. */
const noModelWords =
  /callback|optim|sched|rng|random|loop|histor|replay|buffer|memory|trajector|dataset|vocab|args|hparam/i;

/** What a state dict of a module has and a table of data has not. */
const parameterNames = /\.|^(?:weight|bias)$/;

const maxEntries = 400;
const maxDepth = 4;
/** Of all levels together; a file of more is data. */
const maxWalked = 4000;
/** A layer of Flax has a level for each module that it lies in. */
const maxTreeDepth = 16;
/** Enough entries of a state dict to tell it from other dicts. */
const maxLookedAt = 64;

const known = new WeakMap<FileContent, readonly ModelInside[]>();

/** The models in a file, told by their structure whatever their keys, in the order in which they were saved. */
export function findModels(content: FileContent): readonly ModelInside[] {
  const found = known.get(content) ?? withRoles(new ModelSearch(content).run().flatMap(withoutAverage));
  known.set(content, found);
  return found;
}

/** Whether a name is that of an average or an older state. */
export function isCopyName(name: string): boolean {
  return copyWords.test(name);
}

/** Without averages and older states, and what belongs to a loss. */
export function ownModels(content: FileContent): readonly ModelInside[] {
  const found = findModels(content);
  const own = found.filter(({ aside }) => aside === undefined);
  return own.length > 0 ? own : found;
}

class ModelSearch {
  private readonly found: ModelInside[] = [];
  private readonly seen = new Set<ContentValue>();
  private walked = 0;

  constructor(private readonly content: FileContent) {}

  run(): readonly ModelInside[] {
    const { root, tensors } = this.content;
    // A program of TorchScript is one module; what its quantised layers keep are no attributes of it.
    if (root instanceof ForeignValue && root.qualifiedName.startsWith("__torch__.")) {
      const all = [...new Set(tensors.values())].map((tensor) => ({
        name: tensor.name,
        tensor,
        isBuffer: isBuffer(tensor),
      }));
      return all.length === 0 ? [] : [{ path: "", tensors: once(withScales(all)) }];
    }
    this.visit(this.content.root, "", "", 0);
    return this.found;
  }

  private visit(value: ContentValue, path: string, key: string, depth: number): void {
    if (value === null || typeof value !== "object" || this.seen.has(value)) return;
    if (this.content.tensors.has(value) || ++this.walked > maxWalked || isOptimizer(value)) return;
    this.seen.add(value);
    const tensors = this.tensorsOf(value, key);
    if (tensors !== undefined) {
      if (tensors.length > 0) this.found.push({ path, tensors });
      return;
    }
    if (depth > 0 && noModelWords.test(key)) return;
    this.addLoose(value, path);
    const children = childrenOf(value);
    if (depth === maxDepth || children.count > maxEntries) return;
    for (let at = 0; at < children.count; at++) {
      const label = children.label(at);
      this.visit(children.value(at), path === "" ? label : `${path}.${label}`, label, depth + 1);
    }
  }

  /** Undefined where the value is no model. */
  private tensorsOf(value: ContentValue, key: string): readonly ModelTensor[] | undefined {
    const attributes = attributesOf(value);
    if (attributes !== undefined && isModuleState(attributes)) {
      return once(moduleTensors(value, this.content));
    }
    const dict = mappingOf(value);
    if (dict === undefined) return undefined;
    const ofTree = key === "params" ? treeTensors(dict, this.content) : undefined;
    if (ofTree !== undefined) return once(ofTree);
    if (!isStateDict(dict, this.content, key)) return undefined;
    const entries: ModelTensor[] = [];
    for (let at = 0; at < dict.size; at++) {
      const name = keyText(dict.keys[at] as ContentValue);
      const member = dict.values[at] as ContentValue;
      const tensor = this.content.tensors.get(member);
      if (tensor !== undefined) {
        const { shape, dtype } = tensor;
        entries.push({ name, tensor, isBuffer: isBuffer({ name, shape, dtype }) });
      } else if (isPackedKey(name)) entries.push(...packedTensors(member, name, this.content));
    }
    return once(withScales(entries));
  }

  /** Parameters without a module: what torch would train lies beside other things. */
  private addLoose(value: ContentValue, path: string): void {
    const children = childrenOf(value);
    if (children.count > maxEntries) return;
    const tensors: ModelTensor[] = [];
    for (let at = 0; at < children.count; at++) {
      const tensor = this.content.tensors.get(children.value(at));
      if (tensor?.layout?.requiresGrad !== true) continue;
      // Losses and returns that nobody detached.
      if (tensor.shape.length === 0 && !/log|alpha|scale|temp/i.test(children.label(at))) continue;
      tensors.push({ name: children.label(at), tensor, isBuffer: false });
    }
    const [first] = tensors;
    if (first === undefined) return;
    const place = path === "" ? first.name : `${path}.${first.name}`;
    if (tensors.length === 1) this.found.push({ path: place, tensors: [{ ...first, name: "" }] });
    else this.found.push({ path, tensors: once(tensors) });
  }
}

/**
 * The tree of Flax and Haiku: dicts in dicts whose ends are all tensors, some called `kernel` or `w`. Without it each
 * layer would be taken for a model. Undefined for other dicts.
 */
function treeTensors(root: MapValue, content: FileContent): readonly ModelTensor[] | undefined {
  const found: ModelTensor[] = [];
  const steps: { readonly dict: MapValue; readonly path: string; readonly depth: number }[] = [
    { dict: root, path: "", depth: 0 },
  ];
  let isOfJax = false;
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    const { dict, path, depth } = step;
    const inside: typeof steps = [];
    if (depth > maxTreeDepth || found.length + steps.length + dict.size > maxWalked) return undefined;
    for (const [key, value] of dict.entries()) {
      const name = keyText(key);
      const tensor = content.tensors.get(value);
      const inner = tensor === undefined ? mappingOf(value) : undefined;
      if (tensor === undefined && inner === undefined) return undefined;
      if (inner !== undefined) inside.push({ dict: inner, path: `${path}${name}.`, depth: depth + 1 });
      else if (tensor !== undefined) found.push({ name: path + name, tensor, isBuffer: false });
      isOfJax ||= depth > 0 && tensor !== undefined && /^(?:kernel|w)$/.test(name);
    }
    steps.push(...inside.reverse());
  }
  return isOfJax ? found : undefined;
}

/** PaddlePaddle keeps moments flat, under the names of the parameters. */
export function isPaddleOptimizer(dict: MapValue): boolean {
  const names = dict.keys.slice(0, maxLookedAt).filter((key) => typeof key === "string");
  const moments = names.filter((name) =>
    /_(?:moment[12]?|velocity|beta[12]_pow_acc|inf_norm|mean_square)_\d+$/.test(name),
  );
  return moments.length > 0 && moments.length * 2 > names.length;
}

function isPackedKey(name: string): boolean {
  return /(?:^|\.)(?:_packed_params|param)$/.test(name);
}

/** A scale beside a zero point is how a quantised layer writes what it gives on. */
function withScales(tensors: readonly ModelTensor[]): readonly ModelTensor[] {
  if (!tensors.some(({ name, tensor }) => tensor.dtype.startsWith("Q") || name.includes("_packed_params")))
    return tensors;
  const names = new Set(tensors.map(({ name }) => name));
  return tensors.map((one) =>
    /(?:^|\.)scale$/.test(one.name) && names.has(one.name.replace(/scale$/, "zero_point"))
      ? { ...one, isBuffer: true }
      : one,
  );
}

/** Those of one place are one tensor, reached by two ways. */
function once(tensors: readonly ModelTensor[]): readonly ModelTensor[] {
  const seen = new SeenPlaces();
  return tensors.filter(({ tensor }) => seen.add(tensor));
}

function isStateDict(dict: MapValue, content: FileContent, key: string): boolean {
  if (dict.size === 0 || isPaddleOptimizer(dict)) return false;
  let named = 0;
  let plain = 0;
  let looked = 0;
  let learnedScalars = 0;
  for (let at = 0; at < Math.min(dict.size, maxLookedAt); at++) {
    const name = dict.keys[at];
    const tensor = content.tensors.get(dict.values[at] as ContentValue);
    // Counters of batch norm and learned scales have no axis: beside other tensors they tell nothing.
    if (tensor?.shape.length === 0) {
      if (typeof name === "string" && /^(?:F|BF)/.test(tensor.dtype) && !isMeasureName(name))
        learnedScalars++;
      continue;
    }
    looked++;
    if (typeof name === "string" && tensor === undefined && isPackedKey(name)) named++;
    if (typeof name !== "string" || tensor === undefined) continue;
    if (parameterNames.test(name)) named++;
    else if (isNamedAsBuffer({ ...tensor, name }) || (!isDataName(name) && /^(?:F|BF|C)/.test(tensor.dtype)))
      plain++;
  }
  // NeuS' variance network is one number.
  if (looked === 0 && learnedScalars === dict.size)
    return modelWords.test(key) && !noModelWords.test(key) && !isMeasureName(key);
  // `_extra_state` and the like are no tensors.
  if (named > 0 && named * 2 >= looked) return true;
  return (
    plain + named > 0 && modelWords.test(key) && !noModelWords.test(key) && (named + plain) * 2 >= looked
  );
}

/** An average in the dictionary of its own model is a model beside it. */
function withoutAverage(model: ModelInside): readonly ModelInside[] {
  const found = averagedTwins(model.tensors);
  if (found === undefined) return [model];
  const { path, tensors } = model;
  return [
    { ...model, tensors: tensors.filter((one) => !found.average.has(one)) },
    {
      path: path === "" ? found.prefix : `${path}.${found.prefix}`,
      tensors: tensors.filter((one) => found.average.has(one)),
      aside: "copy",
    },
  ];
}

/** Tells averages and older states by their key, where their shapes are those of another model. */
function withRoles(models: readonly ModelInside[]): readonly ModelInside[] {
  const shapes = models.map(({ tensors }) => new Set(tensors.map(({ tensor }) => tensor.shape.join(" "))));
  // Lightning's weight averaging puts the average where the model was, and the trained model beside it.
  const hasTrained = models.some(({ path }) => path === "current_model_state");
  const isHinted = models.map(({ path }) => copyWords.test(path) || (hasTrained && path === "state_dict"));
  return models.map((model, at) => {
    if (models.length < 2 || model.aside !== undefined) return model;
    if (
      models.some(
        (other, index) => index !== at && isHinted[index] !== true && isPartOf(model, other, index < at),
      )
    )
      return { ...model, aside: "copy" };
    if (lossWords.test(model.path) && !modelWords.test(model.path)) return { ...model, aside: "loss" };
    if (isHinted[at] !== true) return model;
    const isLike = shapes.some(
      (other, index) =>
        index !== at &&
        (isHinted[index] !== true || index < at) &&
        [...(shapes[at] ?? [])].every((shape) => shape === "" || shape === "1" || other.has(shape)),
    );
    return isLike ? { ...model, aside: "copy" } : model;
  });
}

/** Whether all that a model holds lies in another one too, in the same places; of two equal ones the first counts. */
function isPartOf({ tensors }: ModelInside, other: ModelInside, isBefore: boolean): boolean {
  if (tensors.length > other.tensors.length || (tensors.length === other.tensors.length && !isBefore))
    return false;
  const places = new Set(other.tensors.map(({ tensor }) => placeOf(tensor)));
  return tensors.every(({ tensor }) => {
    const place = placeOf(tensor);
    return place !== undefined && places.has(place);
  });
}
