import { jsonNumber } from "../json/parseJson";
import { createMatrix } from "../linalg/matrix";
import { multiply } from "../linalg/multiply";
import type { RowChange } from "./rowChange";
import type { TransformInput } from "./transformInput";

/** W′ = l ∘ W, a factor for each output [out, 1] or each input [1, in] (peft/tuners/ia3/layer.py). */
export function ia3Change({ part, rows, columns }: TransformInput): RowChange | string {
  const { shape, values: factors } = part("l") ?? { shape: [], values: new Float64Array(0) };
  if (shape.length > 2) return "scales a convolution, which is not computed here";
  const ofOutputs = shape[0] === rows && shape[1] === 1;
  if (!ofOutputs && (shape[0] !== 1 || shape[1] !== columns)) return "";
  const apply = (values: Float64Array, first: number) => {
    for (let at = 0; at < values.length; at++) {
      const factor = factors[ofOutputs ? first + Math.floor(at / columns) : at % columns] as number;
      values[at] = (values[at] as number) * factor;
    }
  };
  return { rowsAtOnce: 1, apply };
}

/** W′ = W + W ∘ (B·A) (peft/tuners/hira/layer.py). */
export function hiraChange({ part, rows, columns }: TransformInput): RowChange | string {
  const [a, b] = [part("A"), part("B")];
  const [rank = 0, inputs] = a?.shape ?? [];
  if (a === undefined || b === undefined || inputs !== columns) return "";
  if (b.shape.join() !== `${rows},${rank}`) return "";
  const right = createMatrix(rank, columns, a.values);
  const apply = (values: Float64Array, first: number) => {
    const count = values.length / columns;
    const own = createMatrix(count, rank, b.values.slice(first * rank, (first + count) * rank));
    const factors = multiply(own, right).data;
    for (let at = 0; at < values.length; at++)
      values[at] = (values[at] as number) * (1 + (factors[at] as number));
  };
  return { rowsAtOnce: 1, apply };
}

/**
 * The block [r, out] is added to each r inputs; of `mini` [r, n] also to each n outputs. Of `bat` [out/r, r, r] each
 * block X of the weight gets X·B + B (peft/tuners/miss/layer.py, and bone before 0.19).
 */
export function missChange({ part, rows, columns }: TransformInput): RowChange | string {
  const block = part("block");
  if (block?.shape.length === 3) return batChange(block.shape[1] ?? 0, block.values, rows, columns);
  const [rank = 0, width = 0] = block?.shape ?? [];
  if (block === undefined || rank === 0 || width === 0 || rows % width !== 0) return "";
  const apply = (values: Float64Array, first: number) => {
    for (let at = 0; at < values.length; at++) {
      const [row, column] = [first + Math.floor(at / columns), at % columns];
      values[at] = (values[at] as number) + (block.values[(column % rank) * width + (row % width)] as number);
    }
  };
  return { rowsAtOnce: 1, apply };
}

function batChange(size: number, blocks: Float64Array, rows: number, columns: number): RowChange | string {
  if (size === 0 || rows % size !== 0 || columns % size !== 0 || blocks.length !== rows * size) return "";
  const apply = (values: Float64Array, first: number) => {
    const own = new Float64Array(size);
    for (let from = 0; from < values.length; from += size) {
      const row = first + Math.floor(from / columns);
      const start = Math.floor(row / size) * size * size;
      own.set(values.subarray(from, from + size));
      for (let column = 0; column < size; column++) {
        let total = blocks[start + (row % size) * size + column] as number;
        for (let k = 0; k < size; k++)
          total += (own[k] as number) * (blocks[start + k * size + column] as number);
        values[from + column] = (own[column] as number) + total;
      }
    }
  };
  return { rowsAtOnce: 1, apply };
}

/** PEFT's default of RoadConfig.group_size. */
const defaultGroup = 64;

/**
 * W′ = R·W: each output is mixed with the one half a group away, by a cosine and a sine. One angle serves the two
 * (road_1), each has its own (road_2), or cosine and sine have their own (road_4) (peft/tuners/road/layer.py).
 */
export function roadChange({ part, settings, rows, columns }: TransformInput): RowChange | string {
  const [theta, alpha] = [part("theta")?.values, part("alpha")?.values];
  const group = jsonNumber(settings.get("group_size")) ?? defaultGroup;
  const half = group / 2;
  if (theta === undefined || alpha === undefined || theta.length !== alpha.length) return "";
  if (!Number.isInteger(half) || half < 1 || rows % group !== 0) return "";
  const each = theta.length / rows;
  if (each !== 0.5 && each !== 1 && each !== 2) return "";
  const at = (row: number, isSine: boolean) => {
    const [start, within] = [Math.floor(row / group), row % group];
    if (each === 0.5) return start * half + (within % half);
    return each === 1 ? row : start * 2 * group + (isSine ? group : 0) + within;
  };
  const apply = (values: Float64Array, first: number) => {
    const before = values.slice();
    for (let to = 0; to < values.length; to++) {
      const own = Math.floor(to / columns);
      const row = first + own;
      const isUpper = row % group < half;
      const partner = to + (isUpper ? half : -half) * columns;
      const [c, s] = [at(row, false), at(row, true)];
      const cosine = (alpha[c] as number) * Math.cos(theta[c] as number);
      const sine = (alpha[s] as number) * Math.sin(theta[s] as number);
      values[to] = (before[to] as number) * cosine + (isUpper ? -1 : 1) * (before[partner] as number) * sine;
    }
  };
  return { rowsAtOnce: group, apply };
}
