import type { ImportFinding } from "../importFinding";
import { isDangerousGlobal } from "./dangerousGlobals";
import type { PickleImport } from "./importLog";
import { isKnownGlobal } from "./knownGlobals";

/** Imports of one pickle, with a verdict each. `shift` is where the pickle's stream begins in the file. */
export function judgeImports(imports: readonly PickleImport[], where?: string, shift = 0): ImportFinding[] {
  return imports.map((found) => ({
    global: found.computed ? `${found.module}.${found.name} (computed)` : `${found.module}.${found.name}`,
    ...verdictOf(found),
    count: found.count,
    offset: found.offset + shift,
    ...(where === undefined ? {} : { where }),
  }));
}

function verdictOf({
  module,
  name,
  computed,
  called,
  alarm,
}: PickleImport): Pick<ImportFinding, "verdict" | "called"> {
  // A name that is only known once the pickle runs can be any name.
  if (computed || alarm || isDangerousGlobal(module, name)) return { verdict: "dangerous" };
  if (isKnownGlobal(module, name)) return { verdict: "known" };
  // `self.activation = torch.nn.functional.relu` in a module: a reference, which nobody calls.
  if (!called && module === "torch.nn.functional" && /^[a-z]\w*$/.test(name)) return { verdict: "known" };
  return { verdict: "unknown", ...(called ? { called } : {}) };
}
