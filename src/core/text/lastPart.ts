/** Of a path with dots between its parts, e.g. "q_proj" of "self_attn.q_proj". */
export function lastPart(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}
