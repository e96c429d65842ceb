/** The separator of module paths in a set of names: TensorFlow and JAX write `/`, everyone else `.`. */
export type NameSeparator = "." | "/";

export function separatorOf(names: Iterable<string>): NameSeparator {
  let slashes = 0;
  let dots = 0;
  for (const name of names) {
    if (name.includes("/")) slashes++;
    if (dotted.test(name)) dots++;
  }
  return slashes > dots ? "/" : ".";
}

/** TensorFlow ends each name with `/.ATTRIBUTES/VARIABLE_VALUE`: that dot parts nothing. */
const dotted = /(?:^|[^/])\./;

/**
 * Orders tensor names as people read them: `layers.9` before `layers.10`, and every module's tensors next to
 * each other. The separator sorts before all else, so that names with a common module path are contiguous:
 * the tensor tree relies on it.
 */
export function compareNames(a: string, b: string, separator: NameSeparator): number {
  const separatorCode = separator.charCodeAt(0);
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const codeA = a.charCodeAt(at);
    const codeB = b.charCodeAt(at);
    if (codeA === codeB) continue;
    if (isDigit(codeA) || isDigit(codeB)) {
      // A difference inside a run of digits is decided by the numbers, so go back to where the run begins.
      let start = at;
      while (start > 0 && isDigit(a.charCodeAt(start - 1))) start--;
      if (isDigit(a.charCodeAt(start)) && isDigit(b.charCodeAt(start))) return compareRuns(a, b, start);
    }
    if (codeA === separatorCode) return -1;
    return codeB === separatorCode ? 1 : codeA - codeB;
  }
  return a.length - b.length;
}

/** Sorts by name, with the separator that these names use: all of them, so that everyone finds the same one. */
export function inNameOrder<T extends { readonly name: string }>(named: readonly T[]): readonly T[] {
  const separator = separatorOf(named.map(({ name }) => name));
  return [...named].sort((a, b) => compareNames(a.name, b.name, separator));
}

/** Both names are equal up to `start`, where each has a run of digits. */
function compareRuns(a: string, b: string, start: number): number {
  const endA = runEnd(a, start);
  const endB = runEnd(b, start);
  const firstA = firstSignificant(a, start, endA);
  const firstB = firstSignificant(b, start, endB);
  const byLength = endA - firstA - (endB - firstB);
  if (byLength !== 0) return byLength;
  for (let index = 0; index < endA - firstA; index++) {
    const difference = a.charCodeAt(firstA + index) - b.charCodeAt(firstB + index);
    if (difference !== 0) return difference;
  }
  // Equal numbers with different zeros in front: different names, so never equal.
  return endA - endB;
}

function runEnd(text: string, start: number): number {
  let end = start;
  while (end < text.length && isDigit(text.charCodeAt(end))) end++;
  return end;
}

function firstSignificant(text: string, start: number, end: number): number {
  let first = start;
  while (first < end - 1 && text.charCodeAt(first) === 0x30) first++;
  return first;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
