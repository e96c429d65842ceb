/** A path with dots between its parts, one part longer. */
export function dotted(path: string, part: string): string {
  return path === "" ? part : `${path}.${part}`;
}
