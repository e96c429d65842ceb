import { CheckpointError } from "../../problem/checkpointError";

/**
 * A rule that gives tensors other names. Each `*` of `from` stands for anything, and comes where the same `*` of `to`
 * stands; without one, `from` is what a name begins with.
 */
export interface TensorRename {
  readonly from: string;
  readonly to: string;
}

/**
 * What every name becomes by the first rule that fits it.
 * @throws CheckpointError `NotConvertible` where a rule fits no name, or leaves one without a name.
 */
export function renamedTensors(names: readonly string[], rules: readonly TensorRename[]): readonly string[] {
  const used = new Set<TensorRename>();
  const renamed = names.map((name) => {
    for (const rule of rules) {
      const found = applied(name, rule);
      if (found === undefined) continue;
      used.add(rule);
      if (found === "") throw new CheckpointError("NotConvertible", `${name} would have no name.`);
      return found;
    }
    return name;
  });
  const unused = rules.find((rule) => !used.has(rule));
  if (unused !== undefined)
    throw new CheckpointError(
      "NotConvertible",
      `No tensor has a name as in the rule ${unused.from}=${unused.to}.`,
    );
  return renamed;
}

function applied(name: string, { from, to }: TensorRename): string | undefined {
  if (!from.includes("*")) return name.startsWith(from) ? to + name.slice(from.length) : undefined;
  const parts = starMatch(name, from.split("*"));
  if (parts === undefined) return undefined;
  return to.split("*").reduce((text, piece, at) => text + (parts[at - 1] ?? "") + piece);
}

/** What each star stands for, each as short as can be and the last as long as it must; undefined where it does not fit. */
function starMatch(name: string, pieces: readonly string[]): readonly string[] | undefined {
  const [head = "", ...rest] = pieces;
  if (!name.startsWith(head)) return undefined;
  const stars: string[] = [];
  let at = head.length;
  for (const [index, piece] of rest.entries()) {
    const isLast = index === rest.length - 1;
    const found = isLast ? name.length - piece.length : name.indexOf(piece, at);
    if (found < at || !name.startsWith(piece, found)) return undefined;
    stars.push(name.slice(at, found));
    at = found + piece.length;
  }
  return stars;
}
