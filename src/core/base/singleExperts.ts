import { expertParts } from "../adapter/expertNames";
import type { LoraModule } from "../adapter/loraModule";
import type { Tensor } from "../tensors/tensor";

/** A weight of one expert, where an adapter has the updates of all of them in one module. */
export interface SingleExpert {
  readonly path: string;
  readonly weight: Tensor;
  /** Counted from 0. */
  readonly expert: number;
  /** Rows of the fused weight of one expert, and the first of them that is this weight's. */
  readonly fusedRows: number;
  readonly firstRow: number;
}

/**
 * The weights that a module of experts changes in a base that keeps each expert by itself, as files did before
 * transformers 5 and still do where it writes the older names.
 * @param find a weight by its path.
 * @returns undefined where one is missing, they are of different shapes, or the base has more of them.
 */
export function singleExperts(
  module: LoraModule,
  find: (path: string) => Tensor | undefined,
): readonly SingleExpert[] | undefined {
  const { path, parts } = expertParts(module.module) ?? {};
  const count = module.experts?.count;
  if (path === undefined || parts === undefined || count === undefined) return undefined;
  const first = firstExpert(module, find);
  if (find(`${path}.${count}.${parts[0]}_proj`) !== undefined) return undefined;
  const [rows = 0] = first?.shape ?? [];
  const found: SingleExpert[] = [];
  for (let expert = 0; expert < count; expert++) {
    for (const [at, part] of parts.entries()) {
      const own = `${path}.${expert}.${part}_proj`;
      const weight = find(own);
      if (weight === undefined || weight.shape.join() !== first?.shape.join()) return undefined;
      found.push({ path: own, weight, expert, fusedRows: parts.length * rows, firstRow: at * rows });
    }
  }
  return found;
}

/** The first of them, also where not all are as they should be. */
export function firstExpert(
  { module }: LoraModule,
  find: (path: string) => Tensor | undefined,
): Tensor | undefined {
  const { path, parts } = expertParts(module) ?? {};
  return path === undefined ? undefined : find(`${path}.0.${parts?.[0]}_proj`);
}

/** The tensors of a base that hold what a module of experts changes: one of all experts, or those of each. */
export function expertWeights(
  module: LoraModule,
  find: (path: string) => Tensor | undefined,
): readonly Tensor[] | undefined {
  const fused = find(module.module);
  if (fused !== undefined) return fitsExperts(module, fused.shape) ? [fused] : undefined;
  const single = singleExperts(module, find);
  const [first] = single ?? [];
  if (single === undefined || first === undefined || !fitsExperts(module, fusedShape(module, first)))
    return undefined;
  return single.map(({ weight }) => weight);
}

/** As if the experts lay in one tensor, [experts, rows, columns]. */
export function fusedShape({ experts }: LoraModule, { weight, fusedRows }: SingleExpert): readonly number[] {
  return [experts?.count ?? 0, fusedRows, ...weight.shape.slice(1)];
}

/** Whether a module of experts fits a tensor of all of them, whichever of its axes the outputs are: PEFT adapts both. */
export function fitsExperts(
  { inFeatures, outFeatures, experts }: LoraModule,
  [count, ...sides]: readonly number[],
): boolean {
  return (
    sides.length === 2 &&
    count === experts?.count &&
    (sides.join() === [outFeatures, inFeatures].join() || sides.join() === [inFeatures, outFeatures].join())
  );
}

const singleName =
  /^(.*)\.(?:mlp|block_sparse_moe)\.experts\.(\d+)\.(?:(gate_proj|w1)|(up_proj|w3)|(?:down_proj|w2))$/;

/** Rows of a tensor of all experts, counted through all of them, that are one module's. */
export interface FusedRows {
  readonly weight: Tensor;
  readonly rows: { readonly first: number; readonly count: number };
}

/**
 * Where the weight of a module of one expert is, in a base that keeps those of a layer in one tensor [experts, outputs,
 * inputs], gate above up, as transformers does since version 5.
 * @param find a weight by its path.
 * @returns undefined where there is none, or its shape does not say that it lies so.
 */
export function rowsOfExpert(
  { module, outFeatures, inFeatures, layout }: LoraModule,
  find: (path: string) => Tensor | undefined,
): FusedRows | undefined {
  const [, path, number, gate, up] = singleName.exec(module) ?? [];
  if (path === undefined || layout !== "linear") return undefined;
  const isDown = gate === undefined && up === undefined;
  const weight = find(`${path}.mlp.experts.${isDown ? "down_proj" : "gate_up_proj"}`);
  const [count = 0, rows = 0, columns, ...more] = weight?.shape ?? [];
  const isUsual = rows === (isDown ? 1 : 2) * outFeatures && columns === inFeatures && rows !== columns;
  if (weight === undefined || !isUsual || more.length > 0 || Number(number) >= count) return undefined;
  const first = Number(number) * rows + (up === undefined ? 0 : outFeatures);
  return { weight, rows: { first, count: outFeatures } };
}
