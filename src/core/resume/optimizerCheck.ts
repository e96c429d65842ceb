import { sameItems } from "../lists/sameItems";
import { joinByName } from "../optimizer/joinByName";
import { nameParameters } from "../optimizer/nameParameters";
import type { OptimizerParameter, OptimizerState } from "../optimizer/optimizerState";
import { isBuffer } from "../tensors/buffers";
import { formatShape, type Tensor } from "../tensors/tensor";
import { formatCount, plural } from "../text/quantities";
import type { ModelInputs, OptimizerInputs } from "./resumeInputs";
import type { ResumeCheck, ResumeVerdict } from "./resumeReport";

const what = "Optimizer fits the parameters";

/** Optimizers whose moments have shapes of their own: low ranks, preconditioners, a flat history. */
const ownShapes: ReadonlySet<string> = new Set(["Adam-mini", "APOLLO", "GaLore", "SOAP", "Shampoo", "LBFGS"]);

/**
 * Whether an optimizer belongs to the parameters beside it: number and shapes, as torch compares them when it loads
 * the state. Frozen parameters have no state, so that fewer are no contradiction; more, or other shapes, are.
 */
export function checkOptimizerFits(
  { place, states }: OptimizerInputs,
  { place: modelPlace, tensors, inModelOrder, isAdapter, moduleFolders = [] }: ModelInputs,
): ResumeCheck {
  const judge = (verdict: ResumeVerdict, reason: string): ResumeCheck => ({ what, verdict, reason });
  const inFile = byModels(place, states);
  if (inFile !== undefined) {
    const wrong = misshapenByName(place, states, tensors) ?? outOfOrder(place, states, tensors, inModelOrder);
    return judge(...(wrong ?? inFile));
  }
  const model = tensors.filter(({ dtype }) => /^(?:F|BF|C)/.test(dtype));
  const parameters = states.flatMap((state) => state.parameters);
  if (parameters.length === 0) return judge("unknown", `${place} lists no parameters.`);
  if (model.length === 0)
    return judge("unknown", `${modelPlace} holds no floating-point tensors to compare with.`);
  const own = states.find(({ name }) => ownShapes.has(name));
  if (own !== undefined) {
    return judge("unknown", `${own.name} keeps its state in shapes of its own, which do not tell.`);
  }
  const named = states.map((state) => nameParameters(state, tensors, inModelOrder));
  const byName = byNames(named, model);
  if (byName !== undefined) return judge(...byName(place, modelPlace));
  if (isFlat(parameters, model)) {
    const reason = `${place} keeps its state flat, as FSDP and fused optimizers do: shapes do not tell.`;
    return judge("unknown", reason);
  }
  const [verdict, told] = byShapes(parameters, model, place, modelPlace, isAdapter);
  if (verdict === "ok" || moduleFolders.length === 0) return judge(verdict, told);
  const folders = listText(moduleFolders.slice(0, maxNamed));
  const reason = `${place} has parameters that ${modelPlace} has not, maybe those of ${folders}, which were not looked into.`;
  return judge("unknown", reason);
}

/**
 * Of a file that holds models and optimizers, what was found of each. One that has the parameters of none of the
 * models there is no contradiction where another has: its model is saved in another file, or not at all.
 */
function byModels(place: string, states: readonly OptimizerState[]): Judgement | undefined {
  const matched = states.filter(({ models }) => models !== undefined);
  if (matched.length === 0) return undefined;
  const strangers = states.filter(({ models, parameters }) => models === undefined && parameters.length > 0);
  const count = matched.reduce((sum, { parameters }) => sum + parameters.length, 0);
  const whose = matched
    .slice(0, maxNamed)
    .map(({ path, models = [] }) => `${path === "" ? "the file" : path} has those of ${listText(models)}`);
  const more = matched.length > maxNamed ? `, and ${formatCount(matched.length - maxNamed)} more` : "";
  const fact =
    matched.length === 1 && strangers.length === 0
      ? `All ${plural(count, "parameter")} of ${place} fit ${listText(matched[0]?.models ?? [])}${byWhat(matched)}.`
      : `${whose.join(", ")}${more}${byWhat(matched)}.`;
  if (strangers.length === 0) return ["ok", fact];
  const named = listText(strangers.slice(0, maxNamed).map(({ path }) => path));
  return ["warning", `${fact} The parameters of ${named} are not in this file.`];
}

/** Of states that name their parameters: a moment in another shape than the parameter of that name has. */
function misshapenByName(
  place: string,
  states: readonly OptimizerState[],
  tensors: readonly Tensor[],
): Judgement | undefined {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const wrong = states.flatMap(({ name: kind, models = [], parameters }) => {
    if (ownShapes.has(kind) || models.length !== 1) return [];
    return parameters.flatMap((parameter) => {
      const { name, shape, nameInferred } = parameter;
      if (name === undefined || shape === undefined || nameInferred === true) return [];
      const tensor = byName.get(name) ?? byName.get(`${models[0]}.${name}`);
      // A flat state, as of fused optimizers and FSDP, has the values of the parameter in one row.
      if (tensor === undefined || shape.length !== tensor.shape.length || sameItems(shape, tensor.shape))
        return [];
      return [{ parameter, tensor }];
    });
  });
  const [first] = wrong;
  if (first === undefined) return undefined;
  return ["error", misshapenText(first.parameter, wrong.length, place, first.tensor)];
}

/**
 * All shapes are there, and not in the order in which the model declares them: torch joins them by their numbers alone,
 * so that the first step fails or a moment is another parameter's. Several groups, and frozen parameters, may order them
 * otherwise on purpose.
 */
function outOfOrder(
  place: string,
  states: readonly OptimizerState[],
  tensors: readonly Tensor[],
  inModelOrder: boolean,
): Judgement | undefined {
  const [only] = states;
  if (!inModelOrder || only === undefined || states.length > 1 || only.groups.length !== 1) return undefined;
  // Keras joins by paths, and lists weights otherwise than it makes them.
  if (only.groups[0]?.settings.has("lr") !== true) return undefined;
  const { parameters, models = [] } = only;
  const trained = tensors.filter((tensor) => /^(?:F|BF|C)/.test(tensor.dtype) && !isBuffer(tensor));
  if (models.length !== 1 || parameters.length !== trained.length) return undefined;
  if (parameters.some(({ name, shape }) => name !== undefined || shape === undefined)) return undefined;
  const at = parameters.findIndex(({ shape = [] }, index) => !sameItems(shape, trained[index]?.shape));
  const [tensor, parameter] = [trained[at], parameters[at]];
  if (tensor === undefined || parameter?.shape === undefined) return undefined;
  const reason = `${place} has the shapes of all ${plural(parameters.length, "parameter")} of ${listText(models)}, and not in its order: number ${formatCount(at)} is ${formatShape(parameter.shape)}, where ${tensor.name} is ${formatShape(tensor.shape)}. torch joins them by number alone: unless the optimizer was given its parameters in another order, a step fails or mixes them.`;
  return ["warning", reason];
}

/** Optimizers named in one sentence. */
const maxNamed = 4;

function byWhat(states: readonly OptimizerState[]): string {
  const inOrder = states.every(({ parameters }) => parameters.some(({ name }) => name !== undefined));
  if (inOrder) return ", in order and shape";
  const hasShapes = states.some(({ parameters }) => parameters.some(({ shape }) => shape !== undefined));
  return hasShapes ? " by their shapes" : " by their number; no shapes are kept that could be compared";
}

function listText(names: readonly string[]): string {
  const shown = names.map((name) => (name === "" ? "the file" : name));
  return shown.length < 2 ? (shown[0] ?? "") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

type Judgement = readonly [verdict: ResumeVerdict, reason: string];

/** Where every parameter has a name, the names say which tensor each belongs to. */
function byNames(
  states: readonly OptimizerState[],
  model: readonly Tensor[],
): ((place: string, modelPlace: string) => Judgement) | undefined {
  const parameters = states.flatMap((state) => state.parameters);
  if (parameters.some(({ name }) => name === undefined)) return undefined;
  const inferred = parameters.some(({ nameInferred }) => nameInferred);
  if (inferred) {
    const rest = model.length - parameters.length;
    const passed = rest <= 0 ? "" : ` ${plural(rest, "tensor")} without state: frozen, tied or buffers.`;
    return (place, modelPlace) => [
      "ok",
      `All ${plural(parameters.length, "parameter")} of ${place} fit ${modelPlace} in order and shape.${passed}`,
    ];
  }
  const joined = joinByName(parameters, model);
  const tensors = new Map(parameters.map((parameter, at) => [parameter, joined[at]]));
  const strangers = parameters.filter((parameter) => tensors.get(parameter) === undefined);
  // Names of another wrapping of the model: the shapes then say more.
  if (strangers.length === parameters.length) return undefined;
  const misshapen = parameters.filter((parameter) => {
    const tensor = tensors.get(parameter);
    return tensor !== undefined && parameter.shape !== undefined && !sameItems(tensor.shape, parameter.shape);
  });
  return (place, modelPlace) => {
    const [stranger] = strangers;
    const [wrong] = misshapen;
    if (wrong !== undefined)
      return ["error", misshapenText(wrong, misshapen.length, place, tensors.get(wrong))];
    if (stranger !== undefined) {
      const count = `${formatCount(strangers.length)} of ${formatCount(parameters.length)}`;
      return ["warning", `${modelPlace} lacks ${count} parameters of ${place}, such as ${stranger.name}.`];
    }
    return ["ok", `All ${plural(parameters.length, "parameter")} of ${place} are in ${modelPlace} by name.`];
  };
}

function misshapenText(
  { name = "", shape = [] }: OptimizerParameter,
  count: number,
  place: string,
  tensor: Tensor | undefined,
): string {
  const own = tensor?.shape ?? [];
  const more = count > 1 ? ` So do ${formatCount(count - 1)} others.` : "";
  return `${place} keeps ${name} as ${formatShape(shape)}, the parameter is ${formatShape(own)}.${more}`;
}

/** Every moment must find a tensor of its shape, and each tensor has but one. */
function byShapes(
  parameters: readonly OptimizerParameter[],
  model: readonly Tensor[],
  place: string,
  modelPlace: string,
  isAdapter: boolean,
): Judgement {
  const counts = new Map<string, number>();
  for (const { shape } of model) {
    const key = shape.join(" ");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const homeless: (readonly number[])[] = [];
  let known = 0;
  for (const { shape } of parameters) {
    if (shape === undefined) continue;
    known++;
    const key = shape.join(" ");
    const left = counts.get(key) ?? 0;
    if (left === 0) homeless.push(shape);
    else counts.set(key, left - 1);
  }
  const fitting = `Every shape of ${place} is among those of ${modelPlace}: ${plural(parameters.length, "parameter")}, ${plural(model.length, "tensor")}`;
  const numbers = `${plural(parameters.length, "parameter")} in ${place}, ${plural(model.length, "tensor")} in ${modelPlace}`;
  const [first] = homeless;
  const leftOver = [...counts.values()].reduce((sum, count) => sum + count, 0);
  // Learned weights of a loss have one axis at most; of a model's layers of other sizes some have more.
  const isOfLoss = homeless.length * 10 <= known && homeless.every((shape) => shape.length < 2);
  if (first !== undefined && (leftOver === 0 || isOfLoss) && homeless.length < known) {
    const what = leftOver === 0 ? `has every tensor of ${modelPlace}` : `fits ${modelPlace}`;
    const reason = `${place} ${what}, and has ${plural(homeless.length, "parameter")} more, such as ${formatShape(first)}: of a loss or another model that is not saved here (${numbers}).`;
    return ["warning", reason];
  }
  if (first !== undefined) {
    const many = `${formatCount(homeless.length)} of ${formatCount(known)}`;
    const reason = `${place} belongs to other parameters: ${many} shapes, such as ${formatShape(first)}, are not among those of ${modelPlace} (${numbers}).`;
    return ["error", reason];
  }
  const stateless = parameters.filter(({ shape, state }) => shape === undefined && state.size === 0).length;
  const beyond = parameters.length - model.length;
  if (beyond > 0 && beyond <= stateless && known > 0) {
    const whose = `${plural(stateless, "parameter")} of ${place} ${stateless === 1 ? "has" : "have"} no state, as one that is never used`;
    return isAdapter
      ? [
          "ok",
          `${fitting}. ${whose}: a module of the base that PEFT trains a copy of stays in the optimizer.`,
        ]
      : ["unknown", `${fitting}. ${whose}: whether it is in the model is not told.`];
  }
  if (beyond > 0) {
    return ["error", `The optimizer has more parameters than there are tensors: ${numbers}.`];
  }
  if (known === 0) {
    const verdict = parameters.length === model.length ? "ok" : "unknown";
    const fact =
      verdict === "ok" ? "The numbers agree" : "The numbers differ, as they do where some are frozen";
    return [verdict, `${fact}: ${numbers}. No shapes are kept that could be compared.`];
  }
  const rest = model.length - parameters.length;
  const frozen = rest === 0 ? "" : ` ${plural(rest, "tensor")} without state: frozen, tied or buffers.`;
  return ["ok", `Every shape of ${place} is among those of ${modelPlace}: ${numbers}.${frozen}`];
}

function isFlat(parameters: readonly OptimizerParameter[], model: readonly Tensor[]): boolean {
  const shapes = parameters.flatMap(({ shape }) => (shape === undefined ? [] : [shape]));
  if (shapes.length === 0 || shapes.some((shape) => shape.length > 1)) return false;
  return model.some(({ shape }) => shape.length > 1) && parameters.length < model.length;
}
