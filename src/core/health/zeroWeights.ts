import type { Checkpoint } from "../checkpoint/checkpoint";
import type { Problem } from "../problem/problem";
import type { Tensor } from "../tensors/tensor";
import { formatBytes, formatCount } from "../text/quantities";
import { quote } from "../text/quote";

/** Fewer bytes than this are zeros for many reasons: biases, norms around zero. */
const fewestBytes = 4096;

/** A tensor of which values were read: all of them, or its first ones. */
export interface LookedInto {
  readonly tensor: Tensor;
  /** Whether all that was read of it is zero. */
  readonly isZero: boolean;
}

/**
 * Weights that lie one behind the other in a file and hold nothing but zeros: what a download or a copy leaves that
 * fetched pieces out of order and did not end. A training starts single weights at zero, in no such row.
 * @param isSample Only some tensors were looked into, and their first values: then only a row up to the end tells.
 */
export function zeroWeights(
  { files, path, content }: Pick<Checkpoint, "files" | "path" | "content">,
  looked: readonly LookedInto[],
  isSample: boolean,
): readonly Problem[] {
  const byFile = new Map<number, LookedInto[]>();
  for (const one of looked) {
    if (one.tensor.byteSize === 0) continue;
    // States of layers and counts begin at zero, and may stay there.
    if (content?.parameters?.has(one.tensor.name) === false) continue;
    const row = byFile.get(one.tensor.fileIndex) ?? [];
    byFile.set(one.tensor.fileIndex, row);
    row.push(one);
  }
  const isAllZero = [...byFile.values()].flat().every(({ isZero }) => isZero);
  const rows = [...byFile].flatMap(([fileIndex, all]): readonly Problem[] => {
    const ordered = all.sort((a, b) => a.tensor.offset - b.tensor.offset);
    const run = longestRun(ordered.map(({ isZero }) => isZero));
    const zero = ordered.slice(run.from, run.to).map(({ tensor }) => tensor);
    const [first] = zero;
    const byteSize = zero.reduce((sum, tensor) => sum + tensor.byteSize, 0);
    const matrices = zero.filter(({ shape }) => shape.length > 1).length;
    const isTail = run.to === ordered.length;
    if (first === undefined || matrices < 2 || byteSize < fewestBytes) return [];
    if (isSample && !isTail) return [];
    if (zero.length === ordered.length && !isSample)
      return [nothingButZeros(ordered.length, files[fileIndex]?.path ?? path)];
    // Of a sample a shard of zeros tells among others that have values.
    if (isSample && isAllZero) return [];
    const count = formatCount(zero.length);
    const which = isTail ? `The last ${count} tensors` : `${count} tensors in a row`;
    const among = isSample ? ` of the ${formatCount(ordered.length)} that were looked into` : "";
    const size = isSample ? "" : ` (${formatBytes(byteSize)})`;
    const what = isSample ? "begin with nothing but zeros" : "hold nothing but zeros";
    const message = `${which}${among}, from ${quote(first.name)} on${size}, ${what}. No training leaves that; a download or copy that did not end does: compare the file with its source, or fetch it again.`;
    const file = files[fileIndex]?.path ?? path;
    return [{ severity: "warning", code: "ZeroWeights", message, file, tensor: first.name }];
  });
  if (isSample || isAllZero) return rows;
  const told = new Set(rows.map(({ tensor }) => tensor));
  const heads = looked.filter(({ tensor, isZero }) => isZero && headName.test(tensor.name));
  return [
    ...rows,
    ...heads.filter(({ tensor }) => !told.has(tensor.name)).map(zeroHead),
    ...zeroScales(looked.filter(({ tensor }) => !told.has(tensor.name))).map(inFile),
  ];

  function inFile({ tensor, message }: { tensor: Tensor; message: string }): Problem {
    const file = files[tensor.fileIndex]?.path ?? path;
    return { severity: "warning", code: "ZeroWeights", message, file, tensor: tensor.name };
  }

  function zeroHead({ tensor }: LookedInto): Problem {
    const message = `${quote(tensor.name)} holds nothing but zeros: the model answers the same to every input, as before the first step of a head that starts so, or where the head was never filled.`;
    const file = files[tensor.fileIndex]?.path ?? path;
    return { severity: "warning", code: "ZeroWeights", message, file, tensor: tensor.name };
  }
}

/** What makes the answer of what the layers found. */
const headName =
  /(?:^|\.)(?:score|classifier|(?:value|reward|v)_head(?:\.summary)?|lm_head|classifier\.out_proj)\.weight$/;

/** What codes are multiplied by; without its codes beside it such a name says nothing. */
const scaleOf: readonly (readonly [scale: RegExp, codes: readonly string[]])[] = [
  [/\.scales$/, [".qweight"]],
  [/\.weight_scale(?:_inv)?$/, [".weight_packed", ".weight"]],
  [/\.weight\.absmax$/, [".weight"]],
];

/** Scales that are all zero make zeros of every code. */
function zeroScales(looked: readonly LookedInto[]): readonly { tensor: Tensor; message: string }[] {
  const names = new Set(looked.map(({ tensor }) => tensor.name));
  const found = looked.flatMap(({ tensor, isZero }) => {
    const codes = scaleOf.find(([scale]) => isZero && scale.test(tensor.name));
    const module = codes === undefined ? "" : tensor.name.replace(codes[0], "");
    return codes?.[1].some((ending) => names.has(`${module}${ending}`)) ? [tensor] : [];
  });
  const [tensor] = found;
  if (tensor === undefined) return [];
  const more = found.length > 1 ? `, as are those of ${formatCount(found.length - 1)} more modules` : "";
  const message = `${quote(tensor.name)}, the scales of a quantised weight, are all zero${more}: every code becomes 0, so that the layer gives nothing.`;
  return [{ tensor, message }];
}

/** Norms begin at 1, so that no model does so: it was not gathered (ZeRO-3), or made and never filled. */
function nothingButZeros(count: number, file: string): Problem {
  const message = `All ${formatCount(count)} tensors hold nothing but zeros: the weights were never filled, as where ZeRO-3 or a model on the meta device is saved without gathering, or a file was only reserved.`;
  return { severity: "error", code: "ZeroWeights", message, file };
}

function longestRun(flags: readonly boolean[]): { readonly from: number; readonly to: number } {
  let best = { from: 0, to: 0 };
  for (let from = 0; from < flags.length; ) {
    let to = from;
    while (flags[to] === true) to++;
    if (to - from > best.to - best.from) best = { from, to };
    from = Math.max(to, from) + 1;
  }
  return best;
}
