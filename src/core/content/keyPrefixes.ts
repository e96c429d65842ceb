/** What wrappers put before the names of a model's parameters (formats.md §2). */
const wrapperPrefixes = [
  "module.",
  "_orig_mod.",
  "_fsdp_wrapped_module.",
  "_forward_module.",
  "base_model.model.",
  "model.",
] as const;

/** What all names begin with that tells of a wrapper and not of the model. Empty where there is nothing to hide. */
export function sharedWrapperPrefix(names: readonly string[]): string {
  let prefix = "";
  for (;;) {
    const next = wrapperPrefixes.find((wrapper) => names.every((name) => name.startsWith(prefix + wrapper)));
    if (next === undefined || names.length === 0) return prefix;
    prefix += next;
  }
}

export function withoutPrefix(name: string, prefix: string): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}
