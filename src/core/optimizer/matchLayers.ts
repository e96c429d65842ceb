import { addTo } from "../lists/addTo";
import { sameItems } from "../lists/sameItems";
import { compareNames } from "../tensors/nameOrder";
import type { Tensor } from "../tensors/tensor";

type Named = Pick<Tensor, "name" | "shape" | "dtype">;
type Shape = readonly number[];

/** A layer's variables that are trained, in their order. */
type Layer = readonly Named[];

const variable = /^(.+)\/vars\/(\d+)$/;

/** Models of more layers, and searches of more steps, are given up. */
const maxLayers = 2000;
const maxSteps = 20_000;

/** Of these classes the last variables of a layer are statistics: what is trained stands before them. */
const statistics: readonly (readonly [layer: RegExp, count: number])[] = [
  [/(?:^|\/)batch_normalization(?:_\d+)?$/, 2],
  [/(?:^|\/)spectral_normalization(?:_\d+)?$/, 1],
  [/(?:^|\/)normalization(?:_\d+)?$/, Number.POSITIVE_INFINITY],
];

/** Whether the names are those under which Keras 3 keeps the variables of layers. */
export function areOfLayers(tensors: readonly { readonly name: string }[]): boolean {
  return tensors.length > 0 && tensors.every(({ name }) => variable.test(name));
}

/**
 * Finds the variables of a Keras 3 model that an optimizer trains. A layer is kept under its class with a number, in the
 * order in which the model declares them (`dense`, `dense_1`), its trained variables first (keras/src/saving/saving_lib.py);
 * how layers of different classes follow each other is not said, and a frozen layer is left out as a whole. Taken is
 * the only sequence of layers that has the shapes of the optimizer's parameters.
 * @param shapes of the optimizer's parameters in their order; undefined fits any
 * @returns a variable for each; undefined where there is no sequence, or more than one
 */
export function matchLayers(
  shapes: readonly (Shape | undefined)[],
  tensors: readonly Named[],
): readonly Named[] | undefined {
  const classes = layersByClass(tensors);
  const layers = classes.flat();
  if (layers.length === 0 || layers.length > maxLayers) return undefined;
  return new Fitting(shapes, classes).only();
}

/** Parts of one layer in the order in which it declares them: of attention, and of what reads both ways. */
const partsInOrder = [
  ...["query_dense", "key_dense", "value_dense", "output_dense"],
  ...["forward_layer", "backward_layer"],
];
const part = new RegExp(`^(.+)/(${partsInOrder.join("|")})(?:/.+)?$`);

function layersByClass(tensors: readonly Named[]): readonly (readonly Layer[])[] {
  const byPath = new Map<string, Named[]>();
  for (const tensor of tensors.toSorted((a, b) => compareNames(a.name, b.name, "/")))
    addTo(byPath, variable.exec(tensor.name)?.[1] ?? "", tensor);
  const byLayer = new Map<string, { readonly place: number; readonly trained: Layer }[]>();
  for (const [path, variables] of byPath) {
    const kept = statistics.find(([pattern]) => pattern.test(path))?.[1] ?? 0;
    const trained = variables.slice(0, Math.max(0, variables.length - kept));
    const [, whole = path, name = ""] = part.exec(path) ?? [];
    if (trained.length > 0) addTo(byLayer, whole, { place: partsInOrder.indexOf(name), trained });
  }
  const byClass = new Map<string, Layer[]>();
  for (const [layer, parts] of byLayer) {
    const inOrder = parts.toSorted((a, b) => a.place - b.place).flatMap(({ trained }) => trained);
    addTo(byClass, layer.replace(/_\d+(?=\/|$)/g, ""), inOrder);
  }
  return [...byClass.values()];
}

/** The ways to go on from a state: how many of each class were passed. */
class Fitting {
  private steps = 0;
  /** Of states that were looked at, whether none, one or several sequences lead on from them. */
  private readonly known = new Map<string, number>();
  /** Of each class, the variables of its layers from one on. */
  private readonly left: readonly (readonly number[])[];

  constructor(
    private readonly shapes: readonly (Shape | undefined)[],
    private readonly classes: readonly (readonly Layer[])[],
  ) {
    this.left = classes.map((layers) => {
      const left = [0];
      for (const { length } of layers.toReversed()) left.unshift((left[0] as number) + length);
      return left;
    });
  }

  only(): readonly Named[] | undefined {
    let passed: readonly number[] = this.classes.map(() => 0);
    if (this.ways(passed, 0) !== 1) return undefined;
    const found: Named[] = [];
    while (found.length < this.shapes.length) {
      const next = this.choices(passed, found.length).find(
        ({ after, layer }) => this.ways(after, found.length + layer.length) === 1,
      );
      if (next === undefined) return undefined;
      found.push(...next.layer);
      passed = next.after;
    }
    return found;
  }

  /** 0, 1, or 2 for more; also where the search is given up. */
  private ways(passed: readonly number[], at: number): number {
    if (at === this.shapes.length) return 1;
    const key = `${at} ${passed.join(" ")}`;
    const before = this.known.get(key);
    if (before !== undefined) return before;
    if (++this.steps > maxSteps) return 2;
    let ways = 0;
    for (const { after, layer } of this.choices(passed, at)) {
      ways += this.ways(after, at + layer.length);
      if (ways > 1) break;
    }
    const told = Math.min(ways, 2);
    this.known.set(key, told);
    return told;
  }

  /** Layers that may come next: of each class the next one, or a later one where enough is left without those between. */
  private choices(passed: readonly number[], at: number) {
    const left = passed.reduce((sum, next, index) => sum + (this.left[index]?.[next] ?? 0), 0);
    const spare = left - (this.shapes.length - at);
    const found: { readonly layer: Layer; readonly after: readonly number[] }[] = [];
    for (const [index, layers] of this.classes.entries()) {
      let unused = 0;
      for (let next = passed[index] ?? 0; next < layers.length && unused <= spare; next++) {
        const layer = layers[next] as Layer;
        if (this.fits(layer, at)) found.push({ layer, after: passed.with(index, next + 1) });
        unused += layer.length;
      }
    }
    return found;
  }

  private fits(layer: Layer, at: number): boolean {
    if (at + layer.length > this.shapes.length) return false;
    return layer.every(({ shape }, index) => {
      const wanted = this.shapes[at + index];
      return wanted === undefined || sameItems(shape, wanted);
    });
  }
}
