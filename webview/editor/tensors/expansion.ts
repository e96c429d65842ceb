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

/** The only root of a tree is open unless it was closed: one row that hides everything says nothing. */
export function isExpandedIn(expansion: Expansion, onlyRoot: string | undefined): (path: string) => boolean {
  const { all } = expansion;
  const opened = new Set(expansion.opened);
  const closed = new Set(expansion.closed);
  // Asking a set means hashing the path, and a large tree asks for each of its modules.
  if (all && closed.size === 0) return () => true;
  return (path) => (all || opened.has(path) || path === onlyRoot) && !closed.has(path);
}

export function withExpanded(expansion: Expansion, path: string, expanded: boolean): Expansion {
  const opened = expansion.opened.filter((each) => each !== path);
  const closed = expansion.closed.filter((each) => each !== path);
  (expanded ? opened : closed).push(path);
  return { ...expansion, opened, closed };
}
