import type { TensorTree } from "../../../src/core/tensors/tensorTree";

/** Which modules of the tree are open. All of them but a few takes no more room than a few. */
export interface Expansion {
  /** What a module is that is in neither list. */
  readonly all: boolean;
  /** Paths. */
  readonly opened: readonly string[];
  readonly closed: readonly string[];
}

export const allClosed: Expansion = { all: false, opened: [], closed: [] };
export const allOpen: Expansion = { all: true, opened: [], closed: [] };

/** More children than these are not shown unasked, but for those of an only root. */
const maxUnasked = 64;

const fewRoots = 3;

/**
 * Modules that are open unless they were closed, down to the numbered layers: a row that hides everything beside it
 * says nothing.
 */
export function openAtFirst(tree: TensorTree): ReadonlySet<string> {
  const open = new Set<string>();
  const roots = tree.children(undefined);
  // A model beside its optimizer, an encoder beside a head: a row or two say less than what is in them.
  const modules = roots.filter(({ tensorRow, label }) => tensorRow === undefined && !/^\d/.test(label));
  if (modules.length > 1 && modules.length <= fewRoots) {
    const shown = modules.reduce((sum, root) => sum + tree.children(root).length, roots.length);
    return new Set(shown > maxUnasked ? [] : modules.map(({ path }) => path));
  }
  for (let level = roots; ; ) {
    const [only, ...others] = level.filter(({ tensorRow }) => tensorRow === undefined);
    if (only === undefined || others.length > 0) return open;
    const isOnlyRoot = only.depth === 0 && level.length === 1;
    if (!isOnlyRoot && /^\d/.test(only.label)) return open;
    level = tree.children(only);
    if (!isOnlyRoot && level.length > maxUnasked) return open;
    open.add(only.path);
  }
}

export function isExpandedIn(
  expansion: Expansion,
  openAtFirst: ReadonlySet<string>,
): (path: string) => boolean {
  const { all } = expansion;
  const opened = new Set(expansion.opened);
  const closed = new Set(expansion.closed);
  // Asking a set means hashing the path, and a large tree asks for each of its modules.
  if (all && closed.size === 0) return () => true;
  return (path) => (all || opened.has(path) || openAtFirst.has(path)) && !closed.has(path);
}

export function withExpanded(expansion: Expansion, path: string, expanded: boolean): Expansion {
  const opened = expansion.opened.filter((each) => each !== path);
  const closed = expansion.closed.filter((each) => each !== path);
  (expanded ? opened : closed).push(path);
  return { ...expansion, opened, closed };
}
