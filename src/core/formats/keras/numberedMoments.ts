import { sameItems } from "../../lists/sameItems";
import type { Tensor } from "../../tensors/tensor";
import type { Moment, TrainingTensors } from "../trainingTree";

/** What a file says of the optimizer that its model was compiled with (`get_config` of keras/src/optimizers). */
export interface CompiledOptimizer {
  readonly className: string;
  /** It keeps a moving average of the weights. */
  readonly keepsAverage: boolean;
  /** It adds the gradients of several steps up. */
  readonly accumulates?: boolean;
  /** Of SGD and RMSprop. */
  readonly hasMomentum?: boolean;
  /** Of RMSprop. */
  readonly isCentered?: boolean;
}

/** What optimizers of Keras keep for each parameter, in their order (`keras/src/optimizers`). */
const slotsOf: Readonly<Record<string, readonly string[]>> = {
  Adam: ["momentum", "velocity"],
  AdamW: ["momentum", "velocity"],
  Nadam: ["momentum", "velocity"],
  Lamb: ["momentum", "velocity"],
  Adamax: ["momentum", "norm"],
  Adadelta: ["accumulated_grad", "accumulated_delta_var"],
  Ftrl: ["accumulator", "linear"],
  Adafactor: ["r", "c", "v"],
  ScheduleFreeAdamW: ["momentum", "velocity"],
  SGD: ["momentum"],
  Lion: ["momentum"],
  Adagrad: ["accumulator"],
  RMSprop: ["velocity"],
};

/**
 * Keras 3 counts what its optimizers keep: the number of steps, the learning rate, and then what is kept of the
 * parameters, in the order in which the model declares them. Where the class is not said, two of one shape each may be
 * Adam's as well as another's: they are numbered.
 */
export function numberedMoments(
  counted: readonly { readonly number: number; readonly tensor: Tensor }[],
  optimizer?: CompiledOptimizer,
): TrainingTensors {
  const sorted = counted.toSorted((a, b) => a.number - b.number).map(({ tensor }) => tensor);
  const settings = new Map<string, Tensor>();
  const rest = [...sorted];
  for (const key of ["iterations", "learning_rate"]) {
    const [first] = rest;
    const isInteger = first !== undefined && /^[IU]\d/.test(first.dtype);
    if (first === undefined || first.shape.length > 0 || isInteger !== (key === "iterations")) continue;
    settings.set(key, first);
    rest.shift();
  }
  // Nadam keeps a product of all steps behind the rest.
  const last = rest.at(-1);
  if (optimizer?.className === "Nadam" && last?.shape.length === 0)
    settings.set("u_product", rest.pop() as Tensor);
  const slots = slotsOf[optimizer?.className ?? ""];
  if (slots !== undefined && optimizer !== undefined) {
    const places = toldPlaces(rest, slots, optimizer) ?? placesOf(rest, slots, optimizer);
    if (places !== undefined)
      return {
        moments: rest.map((tensor, at) => ({ ...(places[at] as Omit<Moment, "tensor">), tensor })),
        settings,
      };
  }
  const inPairs = rest.length > 0 && rest.length % 2 === 0 && isRepeated(rest, 2);
  const moments = rest.map((tensor, at): Moment => {
    if (!inPairs) return { parameter: at, key: "slot", tensor };
    return { parameter: Math.floor(at / 2), key: at % 2 === 0 ? "slot 1" : "slot 2", tensor };
  });
  return { moments, settings };
}

/** Each shape so many times in a row. */
function isRepeated(tensors: readonly Tensor[], times: number): boolean {
  return tensors.every((tensor, at) => sameItems(tensor.shape, tensors[at - (at % times)]?.shape));
}

/**
 * Of which parameter each is and what it is, by the settings: an average of each parameter first, then its gradients
 * added up, what the class keeps in turn, and lists of one more each behind it. Undefined where that does not come out.
 */
function toldPlaces(
  rest: readonly Tensor[],
  slots: readonly string[],
  optimizer: CompiledOptimizer,
): readonly Omit<Moment, "tensor">[] | undefined {
  const { className, keepsAverage, accumulates, hasMomentum, isCentered } = optimizer;
  const before = [...(keepsAverage ? ["average"] : []), ...(accumulates ? ["gradient_accumulator"] : [])];
  const inTurn = className === "SGD" && hasMomentum === false ? [] : slots;
  const isRmsprop = className === "RMSprop";
  const behind = isRmsprop
    ? [...(hasMomentum ? ["momentum"] : []), ...(isCentered ? ["average_gradient"] : [])]
    : [];
  const count = rest.length / (before.length + inTurn.length + behind.length);
  if (!Number.isInteger(count) || count === 0) return undefined;
  const lists = (keys: readonly string[]) =>
    keys.flatMap((key) => Array.from({ length: count }, (_, parameter) => ({ parameter, key })));
  const turns = Array.from({ length: count * inTurn.length }, (_, at) => ({
    parameter: Math.floor(at / inTurn.length),
    key: inTurn[at % inTurn.length] as string,
  }));
  const places = [...lists(before), ...turns, ...lists(behind)];
  // All that is kept of a parameter has its shape, but what Adafactor keeps of rows and columns.
  const shapes = new Map(places.map(({ parameter }, at) => [parameter, rest[at]?.shape]));
  const fits = places.every(
    ({ parameter, key }, at) =>
      key === "r" || key === "c" || sameItems(rest[at]?.shape ?? [], shapes.get(parameter)),
  );
  return fits ? places : undefined;
}

/** As `toldPlaces`, by the shapes; undefined where there are more or fewer than the class says. */
function placesOf(
  rest: readonly Tensor[],
  slots: readonly string[],
  { keepsAverage }: CompiledOptimizer,
): readonly Omit<Moment, "tensor">[] | undefined {
  const firstKey = keepsAverage ? "average" : "gradient_accumulator";
  const { length } = slots;
  const inTurn = (count: number) =>
    Array.from({ length: count * length }, (_, at) => ({
      parameter: Math.floor(at / length),
      key: slots[at % length] as string,
    }));
  const inBlock = (count: number, key: string) =>
    Array.from({ length: count }, (_, parameter) => ({ parameter, key }));
  const whole = rest.length / length;
  if (Number.isInteger(whole) && (slots.includes("r") || isRepeated(rest, length))) return inTurn(whole);
  // One more of each parameter stands behind the rest (`amsgrad`), or in front (an average, or gradients).
  const count = rest.length / (length + 1);
  if (!Number.isInteger(count) || length < 2) return undefined;
  if (isRepeated(rest.slice(0, count * length), length))
    return [...inTurn(count), ...inBlock(count, "velocity_hat")];
  if (isRepeated(rest.slice(count), length)) return [...inBlock(count, firstKey), ...inTurn(count)];
  return undefined;
}
