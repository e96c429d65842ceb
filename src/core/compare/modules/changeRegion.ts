import { placeOfModule } from "../../adapter/moduleName";
import { lastPart } from "../../text/lastPart";

/** How far one module moved, in units that add up: a squared distance. */
export interface ModuleMove {
  readonly module: string;
  readonly square: number;
}

/** Where most of a change happened. */
export interface ChangeRegion {
  /** e.g. "v_proj of layers 20–27" */
  readonly text: string;
  /** Share of the squared change in it. */
  readonly share: number;
}

/** A region is worth a word when it holds most of the change in a small part of the modules. */
const smallestShare = 0.5;
const largestPart = 0.5;

/** Of one kind's change, the window of layers that is named holds at least this. */
const windowShare = 2 / 3;

/**
 * The smallest region of the form "this kind in these layers" with more than half of a change. Undefined where the
 * change is spread evenly, or there are too few modules to speak of a region.
 */
export function regionOfChange(moves: readonly ModuleMove[]): ChangeRegion | undefined {
  const total = moves.reduce((sum, { square }) => sum + square, 0);
  if (!(total > 0) || moves.length < 4) return undefined;
  const placed = moves.map((move) => ({ ...move, place: placeOfModule(move.module) }));
  const byKind = new Map<string, typeof placed>();
  for (const move of placed) byKind.set(move.place.kind, [...(byKind.get(move.place.kind) ?? []), move]);
  const candidates = [...byKind.entries(), [undefined, placed] as const].flatMap(([kind, members]) => {
    const whole = { kind, members, layers: undefined };
    const window = layerWindow(members);
    return window === undefined ? [whole] : [whole, { kind, ...window }];
  });
  const regions = candidates
    .map(({ kind, members, layers }) => ({
      text: textOf(kind, layers),
      share: members.reduce((sum, { square }) => sum + square, 0) / total,
      part: members.length / moves.length,
    }))
    .filter(({ share, part, text }) => text !== "" && share > smallestShare && part <= largestPart)
    .sort((a, b) => a.part - b.part || b.share - a.share);
  const best = regions[0];
  return best === undefined ? undefined : { text: best.text, share: best.share };
}

interface PlacedMove extends ModuleMove {
  readonly place: { readonly indexes: readonly number[] };
}

/** The shortest run of layers with two thirds of the change, if that is at most half of them. */
function layerWindow(
  members: readonly PlacedMove[],
): { readonly members: readonly PlacedMove[]; readonly layers: readonly [number, number] } | undefined {
  const byLayer = new Map<number, number>();
  for (const { place, square } of members) {
    const [layer, ...inner] = place.indexes;
    if (layer === undefined || inner.length > 0) return undefined;
    byLayer.set(layer, (byLayer.get(layer) ?? 0) + square);
  }
  const layers = [...byLayer].sort(([a], [b]) => a - b);
  const total = layers.reduce((sum, [, square]) => sum + square, 0);
  for (let length = 1; length <= layers.length / 2; length++) {
    let best: readonly [number, number] | undefined;
    let most = windowShare * total;
    for (let first = 0; first + length <= layers.length; first++) {
      const run = layers.slice(first, first + length);
      const square = run.reduce((sum, [, own]) => sum + own, 0);
      if (square < most) continue;
      most = square;
      best = [run[0]?.[0] ?? 0, run.at(-1)?.[0] ?? 0];
    }
    if (best === undefined) continue;
    const [low, high] = best;
    const within = members.filter(({ place: { indexes } }) => {
      const layer = indexes[0] ?? -1;
      return layer >= low && layer <= high;
    });
    return { members: within, layers: best };
  }
  return undefined;
}

function textOf(kind: string | undefined, layers: readonly [number, number] | undefined): string {
  const where =
    layers === undefined
      ? ""
      : layers[0] === layers[1]
        ? `layer ${layers[0]}`
        : `layers ${layers[0]}–${layers[1]}`;
  if (kind === undefined) return where;
  return where === "" ? lastPart(kind) : `${lastPart(kind)} of ${where}`;
}
