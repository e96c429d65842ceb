import type { Problem } from "../../problem/problem";
import { isDangerousGlobal } from "../pickle/dangerousGlobals";
import { isKnownGlobal } from "../pickle/knownGlobals";

/** Code that settings name, which the framework that reads them imports or runs. Here it is neither. */
export interface NamedCode {
  /** As the settings write it: `os.system`, `modeling_x.XForCausalLM`. */
  readonly name: string;
  /** The key or the tag that names it. */
  readonly key: string;
  /** Who runs it and when, e.g. "transformers runs with trust_remote_code". */
  readonly by: string;
}

const maxNamed = 5;
const maxNameLength = 120;

/** One finding for each framework and key; an error where a name is a way to run anything, else a warning. */
export function codeProblems(subject: string, found: readonly NamedCode[], file?: string): Problem[] {
  const groups = new Map<string, NamedCode[]>();
  for (const one of found) {
    const group = `${one.by}|${one.key}|${isDangerousName(one.name)}`;
    groups.set(group, [...(groups.get(group) ?? []), one]);
  }
  return [...groups.values()].map((group): Problem => {
    const [{ by, key, name } = { by: "", key: "", name: "" }] = group;
    const names = [...new Set(group.map((one) => one.name.slice(0, maxNameLength)))];
    const rest = names.length - maxNamed;
    const listed = `${names.slice(0, maxNamed).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
    const isDangerous = isDangerousName(name);
    const advice = isDangerous
      ? "It is a way to run anything. Do not load it so."
      : "Load it so only if you trust who made it.";
    return {
      severity: isDangerous ? "error" : "warning",
      code: "RunsCode",
      message: `${subject} names code that ${by}: ${listed} (${key}). Nothing was run here. ${advice}`,
      ...(file === undefined ? {} : { file }),
    };
  });
}

/** Whether a dotted name is on the list of ways to run code, to open files or to reach the network. */
export function isDangerousName(name: string): boolean {
  const [module, last] = split(name);
  if (!isDottedName(name)) return false;
  return module === "" ? isDangerousGlobal("builtins", last) : isDangerousGlobal(module, last);
}

/** Whether a dotted name only holds data, wherever a pickle names it. */
export function isHarmlessName(name: string): boolean {
  const [module, last] = split(name);
  return isKnownGlobal(module === "" ? "builtins" : module, last);
}

export function isDottedName(text: string): boolean {
  return text.length <= 500 && /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/.test(text);
}

function split(name: string): readonly [string, string] {
  const dot = name.lastIndexOf(".");
  return [name.slice(0, Math.max(0, dot)), name.slice(dot + 1)];
}
