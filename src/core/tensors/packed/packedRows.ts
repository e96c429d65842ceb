import { schemeKind, type Tensor } from "../tensor";
import type { PackedCodes } from "./packedWeights";

/** What the codes in some rows of the tensor table stand for. */
export interface PackedRows {
  readonly rows: Uint32Array;
  /** Per row: index into `kinds`. */
  readonly kindOf: Uint32Array;
  /** Each once: many weights of a model are of one shape. */
  readonly kinds: readonly PackedKind[];
}

export interface PackedKind {
  /** How the weight is packed, as in "NF4". */
  readonly kind: string;
  /** Of the weight that the codes stand for. */
  readonly shape: readonly number[];
}

/** The rows whose codes stand for a weight of another shape or type than what is stored. */
export function packedRows(tensors: readonly Tensor[], { weights }: PackedCodes): PackedRows {
  const [rows, kindOf]: [number[], number[]] = [[], []];
  const kinds = new Map<string, number>();
  const list: PackedKind[] = [];
  for (const [row, tensor] of tensors.entries()) {
    const weight = weights.get(tensor);
    if (weight === undefined) continue;
    const [kind, { shape }] = [schemeKind(weight), weight];
    const key = `${kind} ${shape.join()}`;
    let at = kinds.get(key);
    if (at === undefined) {
      at = list.push({ kind, shape }) - 1;
      kinds.set(key, at);
    }
    rows.push(row);
    kindOf.push(at);
  }
  return { rows: Uint32Array.from(rows), kindOf: Uint32Array.from(kindOf), kinds: list };
}
