import { plural } from "../text/quantities";
import { canonicalName, type Rename, renameBetween } from "./canonicalName";

/** What is aligned: a module or a tensor, with its sizes as text where they are known. */
export interface NamedShape {
  readonly name: string;
  readonly shape: string;
}

/** Names of which one spelling was taken for another, by what differs. */
export interface NameRename extends Rename {
  /** How many names it concerns. */
  readonly count: number;
}

/** How the names of one snapshot were made to agree with those of the snapshots before it. */
export interface AlignedNames {
  /** Index of the snapshot. */
  readonly snapshot: number;
  /**
   * Why the names differ: wrappers, the nesting of a model that moved, another dialect, any other prefix; or the format,
   * which names every model its own way.
   */
  readonly kind: Rename["kind"] | "format";
  /** A sentence that says what was taken for what. */
  readonly rule: string;
}

export interface NameMatches {
  /** Indexes into `known`; undefined where nothing there is the same. */
  readonly matches: readonly (number | undefined)[];
  /** The most frequent first. */
  readonly renames: readonly NameRename[];
}

/**
 * Finds for each of `names` the one among `known` that is the same under another spelling: what equals first, then
 * what has one canonical name. A canonical name that two have on one side is of neither; and where most of the pairs
 * so found have other shapes, the spelling was a coincidence and none of them counts.
 */
export function matchNames(names: readonly NamedShape[], known: readonly NamedShape[]): NameMatches {
  const matches = new Array<number | undefined>(names.length).fill(undefined);
  const byName = new Map(known.map(({ name }, index) => [name, index]));
  const taken = new Set<number>();
  for (const [at, { name }] of names.entries()) {
    const index = byName.get(name);
    if (index === undefined || taken.has(index)) continue;
    matches[at] = index;
    taken.add(index);
  }
  if (taken.size === names.length || taken.size === known.length) return { matches, renames: [] };
  const own = unambiguous(names);
  const others = unambiguous(known);
  const found: [number, number][] = [];
  for (const [key, at] of own) {
    const index = others.get(key);
    if (at === undefined || index === undefined || matches[at] !== undefined || taken.has(index)) continue;
    found.push([at, index]);
  }
  const fitting = found.filter(([at, index]) => names[at]?.shape === known[index]?.shape).length;
  if (fitting * 2 <= found.length) return { matches, renames: [] };
  for (const [at, index] of found) matches[at] = index;
  return {
    matches,
    renames: countRenames(
      found.map(([at, index]) => renameBetween(names[at]?.name ?? "", known[index]?.name ?? "")),
    ),
  };
}

/** By canonical name; undefined for one that two have. */
function unambiguous(items: readonly NamedShape[]): ReadonlyMap<string, number | undefined> {
  const found = new Map<string, number | undefined>();
  for (const [index, { name }] of items.entries()) {
    const key = canonicalName(name);
    found.set(key, found.has(key) ? undefined : index);
  }
  return found;
}

/** Kinds of renames that are told one by one. */
const maxTold = 6;

/** The same renames counted together, whatever layer or expert they are of, the most frequent first. */
export function countRenames(renames: readonly Rename[]): readonly NameRename[] {
  const counted = new Map<string, NameRename>();
  for (const given of renames) {
    const rename = { ...given, strip: withoutNumbers(given.strip), add: withoutNumbers(given.add) };
    const key = `${rename.kind}\0${rename.strip}\0${rename.add}\0${rename.inFront}`;
    counted.set(key, { ...rename, count: (counted.get(key)?.count ?? 0) + 1 });
  }
  const sorted = [...counted.values()].sort((a, b) => b.count - a.count);
  if (sorted.length <= maxTold) return sorted;
  const rest = sorted.slice(maxTold).reduce((sum, { count }) => sum + count, 0);
  return [...sorted.slice(0, maxTold), { kind: "dialect", strip: "", add: "", inFront: false, count: rest }];
}

function withoutNumbers(path: string): string {
  return path.replace(/(^|\.)\d+(?=\.|$)/g, "$1N");
}

/** Says what was done so that names agree. */
export function renameText({ kind, strip, add, inFront, count }: NameRename): string {
  const names = plural(count, "name");
  if (strip === "" && add === "")
    return `${names} of other spellings ${be(count)} held against their counterparts.`;
  if (kind === "dialect" && /^[._]$/.test(strip))
    return `${names} joined with "${strip}" ${be(count)} held against those joined with "${add}".`;
  if (kind === "dialect" && !/\.$/.test(strip + add))
    return `${names} in the dialect ${strip} ${be(count)} held against those in the dialect ${add}.`;
  const where = inFront ? `in front of ${names}` : `in ${names}`;
  if (add === "") return `"${strip}" ${where} is left out, so that they agree.`;
  if (strip === "") return `"${add}" is put ${where}, so that they agree.`;
  return `"${strip}" ${where} is taken for "${add}", so that they agree.`;
}

function be(count: number): string {
  return count === 1 ? "is" : "are";
}
