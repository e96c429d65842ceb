import { storedTensors } from "../../adapter/loraModule";
import type { Problem } from "../../problem/problem";
import { plural } from "../../text/quantities";
import type { HealthSubject } from "../healthSubject";

/** Factors in a dtype of whole numbers without the scales of a quantisation beside them: a cast took what they were. */
export function wholeNumberFactors({ adapter, checkpoint }: HealthSubject): readonly Problem[] {
  if (adapter === undefined) return [];
  const names = new Set(checkpoint.tensors.map(({ name }) => name));
  // VB-LoRA keeps where the largest of its logits stand.
  const factors = [...new Set(adapter.modules.flatMap(storedTensors))].filter(
    ({ name }) => !name.endsWith("_indices"),
  );
  const wrong = factors.filter(
    ({ name, dtype }) =>
      /^(?:[IU]\d+|BOOL)$/.test(dtype) && !scaleNames.some((scale) => names.has(scale(name))),
  );
  const [first] = wrong;
  if (first === undefined) return [];
  const message = `${first.name} is of ${first.dtype}, and so are ${wrong.length} of ${plural(factors.length, "factor")}: factors are small fractions, of which a cast to whole numbers leaves little, and no scale stands beside ${wrong.length === 1 ? "it" : "them"}.`;
  return [{ severity: "error", code: "WholeNumberFactors", message, tensor: first.name }];
}

const scaleNames: readonly ((name: string) => string)[] = [
  (name) => `${name}_scale`,
  (name) => `${name}.scale`,
  (name) => `${name.replace(/\.weight$/, "")}.scales`,
  (name) => `${name}.absmax`,
  (name) => `${name.replace(/\.weight$/, "")}.SCB`,
];
