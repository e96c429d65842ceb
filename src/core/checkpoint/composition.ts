import { valueEnding } from "../formats/tensorflow/slots";
import { getOrMake } from "../lists/getOrMake";
import type { NameSeparator } from "../tensors/nameOrder";
import type { Tensor } from "../tensors/tensor";
import type { DtypeShare, ModuleShare } from "./summary";

/** As many as an expert has matrices. */
const mostRecent = 4;

/** Modules listed before the rest is summed up. */
const maxModules = 24;

/** `counts` are the parameters that each tensor stands for. */
export function dtypeShares(tensors: readonly Tensor[], counts: Float64Array): DtypeShare[] {
  const shares = new Shares();
  tensors.forEach((tensor, index) => {
    addTensor(shares.of(tensor.dtype), tensor, counts[index] as number);
  });
  return shares.largestFirst().map(({ key, ...sums }) => ({ dtype: key, ...sums }));
}

/**
 * Shares by module, one level below the prefix that all tensors have in common: `model.layers`, `lm_head` of a
 * model whose names begin with `model.`. Numbers in a path become `*`, so that layers are summed up.
 */
export function moduleShares(
  tensors: readonly Tensor[],
  counts: Float64Array,
  separator: NameSeparator,
): ModuleShare[] {
  const depth = tellingDepth(tensors, separator);
  const shares = new Shares();
  // Names come in order, so that most tensors belong to the module of the one before, or to one of few in turns.
  const recent: { readonly path: string; readonly sums: Sums }[] = [];
  let next = 0;
  let last: { readonly path: string; readonly sums: Sums } | undefined;
  tensors.forEach((tensor, index) => {
    const name = moduleName(tensor);
    const end = moduleEnd(name, depth, separator);
    if (last === undefined || end !== last.path.length || !name.startsWith(last.path)) {
      const path = name.slice(0, end);
      const known = recent.find((one) => isSameModule(path, one.path, separator));
      last = { path, sums: known?.sums ?? shares.of(withoutNumbers(path, separator)) };
      if (known === undefined) recent[next++ % mostRecent] = last;
    }
    addTensor(last.sums, tensor, counts[index] as number);
  });
  const sorted = shares.largestFirst();
  const listed: ModuleShare[] = sorted
    .slice(0, maxModules)
    .map(({ key, ...sums }) => ({ module: key, ...sums }));
  if (sorted.length <= maxModules) return listed;
  const rest: Sums = { tensors: 0, parameters: 0, bytes: 0 };
  for (const { tensors: count, parameters, bytes } of sorted.slice(maxModules)) {
    rest.tensors += count;
    rest.parameters += parameters;
    rest.bytes += bytes;
  }
  return [...listed, { module: undefined, ...rest }];
}

function moduleName({ name }: Tensor): string {
  return name.endsWith(valueEnding) ? name.slice(0, -valueEnding.length) : name;
}

/** Where a tensor's module ends in its name: the last part names the tensor, unless there is nothing else. */
function moduleEnd(name: string, depth: number, separator: NameSeparator): number {
  let end = -1;
  for (let parts = 0; parts < depth; parts++) {
    const next = name.indexOf(separator, end + 1);
    if (next < 0) return end < 0 ? name.length : end;
    end = next;
  }
  return end;
}

function withoutNumbers(path: string, separator: NameSeparator): string {
  let rest = path;
  let kept = "";
  for (let start = 0; start <= rest.length; ) {
    const next = rest.indexOf(separator, start);
    const end = next < 0 ? rest.length : next;
    if (!isNumber(rest, start, end)) start = end + 1;
    else {
      kept += `${rest.slice(0, start)}*`;
      rest = rest.slice(end);
      start = 1;
    }
  }
  return kept + rest;
}

/** Numbers aside, which are mostly all that differs. */
function isSameModule(path: string, before: string, separator: NameSeparator): boolean {
  let start = 0;
  for (let inBefore = 0; ; ) {
    const end = partEndIn(path, start, separator);
    const endBefore = partEndIn(before, inBefore, separator);
    const length = end - start;
    const isSame = length === endBefore - inBefore && isEqual(path, start, before, inBefore, length);
    if (!isSame && !(isNumber(path, start, end) && isNumber(before, inBefore, endBefore))) return false;
    if (end === path.length || endBefore === before.length)
      return end === path.length && endBefore === before.length;
    start = end + 1;
    inBefore = endBefore + 1;
  }
}

function isEqual(a: string, inA: number, b: string, inB: number, length: number): boolean {
  for (let at = 0; at < length; at++) if (a.charCodeAt(inA + at) !== b.charCodeAt(inB + at)) return false;
  return true;
}

function partEndIn(path: string, start: number, separator: NameSeparator): number {
  const next = path.indexOf(separator, start);
  return next < 0 ? path.length : next;
}

function isNumber(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return end > start;
}

/** The first depth at which modules differ, numbers aside; at most as deep as names go. */
function tellingDepth(tensors: readonly Tensor[], separator: NameSeparator): number {
  const first = tensors[0] === undefined ? [] : moduleName(tensors[0]).split(separator);
  let shared = first.length;
  let deepest = first.length;
  for (let at = 0; at < tensors.length; at++) {
    const name = moduleName(tensors[at] as Tensor);
    let parts = 0;
    for (let start = 0; start <= name.length; parts++) {
      // What is behind tells nothing: some name goes deep enough.
      if (parts >= shared && deepest >= shared + 2) break;
      const next = name.indexOf(separator, start);
      const end = next < 0 ? name.length : next;
      if (parts < shared && !isSamePart(name, start, end, first[parts] as string)) shared = parts;
      start = end + 1;
    }
    shared = Math.min(shared, parts);
    deepest = Math.max(deepest, parts);
  }
  return shared + 1 < deepest ? shared + 2 : deepest;
}

/** Any two numbers are the same. */
function isSamePart(name: string, start: number, end: number, part: string): boolean {
  if (end - start === part.length && name.startsWith(part, start)) return true;
  return isNumber(part, 0, part.length) && isNumber(name, start, end);
}

interface Sums {
  tensors: number;
  parameters: number;
  bytes: number;
}

function addTensor(sums: Sums, { byteSize }: Tensor, parameters: number): void {
  sums.tensors++;
  sums.parameters += parameters;
  sums.bytes += byteSize;
}

class Shares {
  private readonly sums = new Map<string, Sums>();

  of(key: string): Sums {
    return getOrMake(this.sums, key, () => ({ tensors: 0, parameters: 0, bytes: 0 }));
  }

  largestFirst(): (Sums & { key: string })[] {
    return [...this.sums].map(([key, sums]) => ({ key, ...sums })).sort((a, b) => b.bytes - a.bytes);
  }
}
