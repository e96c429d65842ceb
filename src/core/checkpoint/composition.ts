import type { NameSeparator } from "../tensors/nameOrder";
import type { Tensor } from "../tensors/tensor";
import type { DtypeShare, ModuleShare } from "./summary";

/** Modules listed before the rest is summed up. */
const maxModules = 24;

/** `counts` are the parameters that each tensor stands for. */
export function dtypeShares(tensors: readonly Tensor[], counts: Float64Array): DtypeShare[] {
  const shares = new Shares();
  tensors.forEach((tensor, index) => {
    shares.add(tensor.dtype, tensor, counts[index] as number);
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
  // Of 89,088 names a dozen are left once numbers are gone; what follows works on those.
  const patterns = new Shares();
  tensors.forEach((tensor, index) => {
    patterns.add(withoutNumbers(tensor.name, separator), tensor, counts[index] as number);
  });
  const paths = patterns.largestFirst().map(({ key, ...sums }) => ({ path: key.split(separator), sums }));
  const depth = tellingDepth(paths.map(({ path }) => path));
  const shares = new Shares();
  for (const { path, sums } of paths) {
    // The last part names the tensor in its module, unless there is nothing else.
    const modulePath = path.slice(0, Math.min(depth, Math.max(1, path.length - 1)));
    shares.addSums(modulePath.join(separator), sums);
  }
  const sorted = shares.largestFirst();
  const listed: ModuleShare[] = sorted
    .slice(0, maxModules)
    .map(({ key, ...sums }) => ({ module: key, ...sums }));
  const rest = new Shares();
  for (const { key: _, ...sums } of sorted.slice(maxModules)) rest.addSums("", sums);
  return [...listed, ...rest.largestFirst().map(({ key: _, ...sums }) => ({ module: undefined, ...sums }))];
}

function withoutNumbers(name: string, separator: NameSeparator): string {
  return name
    .split(separator)
    .map((part) => (isNumber(part) ? "*" : part))
    .join(separator);
}

function isNumber(part: string): boolean {
  const first = part.charCodeAt(0);
  return first >= 0x30 && first <= 0x39 && /^\d+$/.test(part);
}

/** The first depth at which modules differ; at most as deep as names go. */
function tellingDepth(paths: readonly (readonly string[])[]): number {
  const deepest = paths.reduce((depth, path) => Math.max(depth, path.length), 0);
  for (let depth = 1; depth < deepest; depth++) {
    const first = paths[0]?.[depth - 1];
    if (paths.some((path) => path[depth - 1] !== first)) return depth + 1;
  }
  return deepest;
}

interface Sums {
  tensors: number;
  parameters: number;
  bytes: number;
}

class Shares {
  private readonly sums = new Map<string, Sums>();

  add(key: string, { byteSize }: Tensor, parameters: number): void {
    this.addSums(key, { tensors: 1, parameters, bytes: byteSize });
  }

  addSums(key: string, { tensors, parameters, bytes }: Sums): void {
    const sums = this.sums.get(key) ?? { tensors: 0, parameters: 0, bytes: 0 };
    sums.tensors += tensors;
    sums.parameters += parameters;
    sums.bytes += bytes;
    this.sums.set(key, sums);
  }

  largestFirst(): (Sums & { key: string })[] {
    return [...this.sums].map(([key, sums]) => ({ key, ...sums })).sort((a, b) => b.bytes - a.bytes);
  }
}
