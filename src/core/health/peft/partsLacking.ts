import { isProductMethod, methodName, modulesBelow } from "../../adapter/methods/methodTable";
import type { Problem } from "../../problem/problem";
import { plural } from "../../text/quantities";
import { type HealthSubject, isPeftFile, isWhole } from "../healthSubject";

/** A tensor of another method than LoRA that most modules of the adapter have and one does not. */
export function partsLacking(subject: HealthSubject): readonly Problem[] {
  const { checkpoint, adapter, adapterConfig } = subject;
  const method = adapterConfig?.peftType;
  if (adapter === undefined || method === undefined || isProductMethod(method)) return [];
  if (!isPeftFile(checkpoint.name) || !isWhole(subject)) return [];
  const names = adapter.otherTensors.map(({ name }) => name);
  const ends = new Map<string, Map<string, string>>();
  for (const name of names) {
    const [below = ""] = modulesBelow(method, [name]);
    const module = below.replace(/\.$/, "");
    if (!/\.\d+\./.test(module)) continue;
    const own = ends.get(module) ?? new Map();
    // Subspaces that a module has more or less of are numbered.
    ends.set(module, own.set(name.slice(module.length + 1).replace(/\.\d+(?=\.|$)/g, ""), name));
  }
  const counts = new Map<string, number>();
  for (const own of ends.values()) for (const end of own.keys()) counts.set(end, (counts.get(end) ?? 0) + 1);
  for (const [end, count] of counts) {
    if (count === ends.size || 2 * count <= ends.size) continue;
    const [held] = [...ends.values()].flatMap((own) => (own.has(end) ? [] : [...own.values()].slice(0, 1)));
    if (held === undefined) continue;
    const message = `${held} has no "${end}" beside it, as ${count} of ${plural(ends.size, "module")} have: ${methodName(method)} needs both, and the file may be cut or mixed.`;
    return [{ severity: "error", code: "LoraUnpaired", message, tensor: held }];
  }
  return [];
}
